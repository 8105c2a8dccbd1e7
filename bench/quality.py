"""Sample quality: generated images against those of the test part, as frozen networks see them.

Decoder means are what is shown; samples x ~ p(x|z) are what the likelihood says. A decoder whose
variance is too large has good means and noisy samples, so both are measured.
"""

from __future__ import annotations

from dataclasses import asdict

import torch
from torch import Tensor

from bench.data import Data, images, subset
from bench.generate import Generated, generate, generate_both, repeated
from bench.metrics import FeatureExtractor, frechet_distance, manifold, statistics
from bench.models import Model
from bench.reference import Reference, features, kernel, reference
from bench.spec import RunSpec
from bench.store import Store


@torch.no_grad()
def quality(model: Model, data: Data, spec: RunSpec, store: Store) -> dict[str, float]:
    """Measure generated images; the columns are described in docs/metrics.md.

    Args:
        model: in evaluation mode.
        data: its test part is the reference, and the context of a conditional model.
        spec: the run.
        store: keeps the features of real images.

    Raises:
        FloatingPointError: a generated image is not finite.
    """
    networks = [features(name, data.device) for name in spec.extractors]
    found = _generated(model, data.test, spec, networks) if networks else []
    result: dict[str, float] = {}
    for network, generated in zip(networks, found, strict=True):
        kept = spec.evaluation.manifold_images
        real = reference(store, data, spec.data_checksum, network, kept)
        result |= _sizes(generated, real, kept) | _measures(generated, real, network, kept)
    return result


def _generated(
    model: Model, items: Tensor, spec: RunSpec, networks: list[FeatureExtractor]
) -> list[Generated]:
    """Features (N, F) of means and of samples, for each network."""
    wanted, size = spec.evaluation.frechet_images, spec.evaluation.batch_size
    drawn = min(spec.evaluation.sample_images, wanted)
    means: list[list[Tensor]] = [[] for _ in networks]
    samples: list[list[Tensor]] = [[] for _ in networks]
    seen = start = 0
    while seen < wanted:
        some = repeated(items, min(size, wanted - seen), start)
        if seen < drawn:
            found, noisy = map(images, generate_both(model, some, spec, start))
            _look(noisy[: drawn - seen], networks, samples)
        else:
            found = images(generate(model, some, spec, start))
        found = found[: wanted - seen]
        _look(found, networks, means)
        seen, start = seen + len(found), start + size
    return [
        Generated(torch.cat(mean), torch.cat(sample))
        for mean, sample in zip(means, samples, strict=True)
    ]


def _look(found: Tensor, networks: list[FeatureExtractor], into: list[list[Tensor]]) -> None:
    for network, parts in zip(networks, into, strict=True):
        parts.append(network(found))


def _sizes(generated: Generated, real: Reference, kept: int) -> dict[str, float]:
    """The numbers of images, the same for every extractor."""
    return {
        "frechet_images": len(generated.means),
        "sample_images": len(generated.samples),
        "frechet_reference_images": real.statistics.count,
        "frechet_floor_images": real.floor.frechet_images,
        "manifold_images": min(kept, len(generated.means)),
        "manifold_sample_images": min(kept, len(generated.samples)),
        "manifold_reference_images": len(real.features),
        "kernel_floor_images": real.floor.kernel_images,
    }


def _measures(
    generated: Generated, real: Reference, network: FeatureExtractor, kept: int
) -> dict[str, float]:
    means, samples = (subset(each, kept, "generated features") for each in generated)
    shares = manifold(real.features, means)
    return {
        network.column: _frechet(generated.means, real),
        f"{network.column}_samples": _frechet(generated.samples, real),
        f"{network.column}_floor": real.floor.frechet,
        **_kernel(network.kernel_column, means, real),
        **_kernel(f"{network.kernel_column}_samples", samples, real),
        f"{network.kernel_column}_floor": real.floor.kernel,
        f"{network.kernel_column}_floor_standard_error": real.floor.kernel_standard_error,
        **{f"{what}_{network.name}": share for what, share in asdict(shares).items()},
    }


def _frechet(found: Tensor, real: Reference) -> float:
    return frechet_distance(statistics(found), real.statistics)


def _kernel(column: str, found: Tensor, real: Reference) -> dict[str, float]:
    result = kernel(found, real.features)
    return {column: result.mean, f"{column}_standard_error": result.standard_error}
