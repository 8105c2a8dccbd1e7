"""What a model family is: the interface that training and evaluation rely on, and the registry."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from bench.errors import UsageError, unknown
from bench.models.normal import Normal
from likelihoods import Likelihood, checked_reconstruction_loss, described, within_support


class Objective(NamedTuple):
    """The two parts of what training minimises, sums over their dimensions, in nats per item."""

    reconstruction: Tensor
    """(B,): -ln p(x|z) in the native measure, or what the likelihood has in its place
    (`Likelihood.reconstruction_loss`)."""
    kl: Tensor
    """(B,): KL(q(z|x) || p(z)), or what is to be penalised of it; before any weight."""


class Sampled(NamedTuple):
    """What one posterior sample of each item leads to."""

    outputs: Tensor
    """(B * F, channels, H, W), raw outputs for the likelihood, of the F images that the model
    predicts of each item in turn: see `Model.targets`."""
    kl: Tensor
    """(B,), nats an item: in evaluation mode KL(q(z|x) || p(z)); in training mode what is to be
    penalised of it."""
    log_ratio: Tensor
    """(B,), nats an item: ln p(z) - ln q(z|x) of the very z drawn, over all codes whose KL counts;
    its expectation is -KL(q(z|x) || p(z))."""
    kl_layers: Tensor | None = None
    """(B, L), nats an item: the parts of KL(q(z|x) || p(z)) that a hierarchical model has for its
    layers, the one nearest to the image first."""


class Context(NamedTuple):
    """What a conditional model is given of videos, and how far it is to go on from there."""

    frames: Tensor  # (B, P, C, H, W), float in [0, 1]
    horizon: int  # F, the number of frames to predict


class Model(nn.Module, ABC):
    """A VAE around a likelihood.

    An item is an image (C, H, W) or, for a model of video, T frames of that shape. The likelihood
    is always one of single images: those of an item are independent given its code.

    The trunk (everything whose shape does not depend on the likelihood) and the head draw their
    weights under separate seeds, derived from the `seed` of the run, so models of one seed share
    their trunk bit for bit.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    """Raise it with any change of the network that changes weights: its runs are trained anew."""
    video: ClassVar[bool] = False  # whether an item is a video
    likelihood: Likelihood
    precision: torch.dtype = torch.float32
    """Of convolutions and matrix products in training (autocast). Codes, KL and likelihood are in
    float32 all the same, and so is everything in evaluation mode."""

    @abstractmethod
    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Sampled:
        """Raw outputs for one posterior sample of each item, and the KL.

        Args:
            x: images (B, C, H, W) or videos (B, T, C, H, W), float in [0, 1].
            generator: source of the posterior noise, on the model's device.
        """

    @abstractmethod
    def prior_outputs(
        self, count: int, generator: torch.Generator | None = None, context: Context | None = None
    ) -> Tensor:
        """Raw outputs (count * F, channels, H, W) for latents drawn from the prior.

        Args:
            count: number of items.
            generator: source of the noise, on the model's device.
            context: of so many items, where the model has one.
        """

    def targets(self, x: Tensor) -> Tensor:
        """The images (B * F, C, H, W) of items that `forward` has outputs for: here the items."""
        return x

    def context(self, x: Tensor) -> Context | None:
        """What of items generation is given; None, as here, where it is given nothing."""
        return None

    def posterior(self, x: Tensor) -> Normal | None:
        """q(z|x) of images (B, C, H, W), mean and standard deviation (B, L) each.

        None, as here, where the code is not one factorised Gaussian with the prior N(0, I): then
        I_e(x; z) and KL(m || p) are not measured.
        """
        return None

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.parameters()).device

    def objective(
        self,
        x: Tensor,
        generator: torch.Generator | None = None,
        dequantisation: torch.Generator | None = None,
    ) -> Objective:
        """Reconstruction loss and KL of each item, for one posterior sample.

        They are the parts of the negative ELBO, unless the likelihood has an objective of its own.
        In training mode a calibrating likelihood is fitted to the batch; in evaluation mode it
        never sees the images that it scores.

        Args:
            x: items, as `forward` takes them.
            generator: source of the posterior noise, on the model's device.
            dequantisation: source of uniform noise of one level on what a density is to predict,
                on the model's device; None: no such noise.
        """
        lower = self.training and self.precision is not torch.float32
        with torch.autocast(x.device.type, self.precision, enabled=lower):
            sampled = self(x, generator)
        targets = self.targets(x)
        noisy = dequantisation is not None and self.likelihood.measure == "density"
        if noisy:
            noise = torch.empty_like(targets).uniform_(-0.5, 0.5, generator=dequantisation)
            targets = targets + noise / 255
        fitted = targets if self.training else None
        distribution = self.likelihood(sampled.outputs, target=fitted)
        if noisy:
            targets = within_support(distribution, targets)
        loss = checked_reconstruction_loss(self.likelihood, distribution, targets)
        return Objective(loss.unflatten(0, (len(x), -1)).sum(1), sampled.kl)


def raw_outputs(head: nn.Module, features: Tensor, likelihood: Likelihood) -> Tensor:
    """Raw outputs (N, channels, H, W) of a head, the last layer of a model, for its input.

    Those that the likelihood wants detached train the head and nothing before it.
    """
    outputs: Tensor = head(features)
    detached = likelihood.detached_outputs * likelihood.shape[0]
    if detached and features.requires_grad:
        alone = head(features.detach())
        outputs = torch.cat([outputs[:, :-detached], alone[:, -detached:]], 1)
    return outputs


M = TypeVar("M", bound=type[Model])
_MODELS: dict[str, type[Model]] = {}


def register(name: str) -> Callable[[M], M]:
    """Class decorator: make a model family known under `name`.

    A name that is taken by another class raises a UsageError.
    """

    def add(cls: M) -> M:
        taken = _MODELS.get(name, cls)
        # A class may replace itself, when its file is read again.
        if (taken.__module__, taken.__qualname__) != (cls.__module__, cls.__qualname__):
            raise UsageError(f"the name {name!r} is taken by a model of {taken.__module__}")
        cls.name = name
        _MODELS[name] = cls
        return cls

    return add


def names() -> list[str]:
    """The registered model families."""
    return sorted(_MODELS)


def get(name: str) -> type[Model]:
    """The class of a model family; a UsageError if there is none of this name."""
    if name not in _MODELS:
        raise unknown("model", name, names())
    return _MODELS[name]


def create(name: str, likelihood: Likelihood, *, seed: int, **options: Any) -> Model:
    """Build a model around a likelihood; `options` are the keyword arguments of its class.

    An unknown family or option, or a value that an option cannot take, raises a UsageError.
    """
    cls = get(name)
    allowed = {
        key: type(parameter.default)
        for key, parameter in inspect.signature(cls).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and key != "seed"
    }
    for key, value in options.items():
        if key not in allowed:
            raise unknown(f"option of model {name}", key, list(allowed))
        kind = allowed[key]
        fits = isinstance(value, (int, float) if kind is float else kind)
        if not fits or isinstance(value, bool) is not (kind is bool):
            raise UsageError(f"option {key} of model {name} must be {kind.__name__}, not {value!r}")
    try:
        return cls(likelihood, seed=seed, **options)
    except (TypeError, ValueError) as error:
        raise UsageError(f"model {name}: {error}") from error
    except Exception as error:  # a user's code may raise anything
        raise UsageError(f"model {name}: {described(error)}") from error
