"""SVG-LP, against the same bound computed step by step with torch.distributions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch import distributions as D
from torch.nn import functional as F

import likelihoods
from bench import models
from bench.errors import UsageError
from bench.models import Context
from bench.models.svg import SVG, Recurrent

SHAPE = (1, 16, 16)


def make(past: int = 2, **options: Any) -> SVG:
    """A model whose running statistics of batch normalisation are not those of its start."""
    likelihood = likelihoods.create("gaussian", SHAPE)
    settings = {"width": 2, "features": 5, "hidden": 6, "latents": 3, "future": 3}
    model = SVG(likelihood, past=past, **settings | options).double()
    torch.manual_seed(0)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.8)
    for _ in range(3):
        model(torch.rand(4, past + 3, *SHAPE, dtype=torch.float64))
    return model.eval()


def step_by_step(part: Recurrent, inputs: Sequence[Tensor]) -> list[Tensor]:
    """The recurrent networks by the equations of the LSTM, a step at a time."""
    size, layers = part.lstm.hidden_size, part.lstm.num_layers
    h = [inputs[0].new_zeros(len(inputs[0]), size) for _ in range(layers)]
    c = [each.clone() for each in h]
    found = []
    for given in inputs:
        x = part.embed(given)
        for layer in range(layers):
            weights = [getattr(part.lstm, f"{name}_l{layer}") for name in ("weight_ih", "bias_ih")]
            recurrent = [
                getattr(part.lstm, f"{name}_l{layer}") for name in ("weight_hh", "bias_hh")
            ]
            gates = F.linear(x, *weights) + F.linear(h[layer], *recurrent)
            i, f, g, o = gates.chunk(4, dim=1)
            c[layer] = f.sigmoid() * c[layer] + i.sigmoid() * g.tanh()
            h[layer] = o.sigmoid() * c[layer].tanh()
            x = h[layer]
        found.append(part.out(x))
    return found


def gaussian(parameters: Tensor) -> Any:
    mean, log_variance = parameters.chunk(2, dim=1)
    return D.Independent(D.Normal(mean, log_variance.exp().sqrt()), 1)


@pytest.mark.parametrize("past", [1, 2, 3])
def test_elbo_against_torch_distributions(past: int) -> None:
    """Step by step, each q and p a distribution of its own, each frame encoded alone."""
    model = make(past)
    frames, batch = 6, 4
    x = torch.rand(batch, frames, *SHAPE, dtype=torch.float64)
    encoded = [model.encoder(x[:, t]) for t in range(frames)]
    features, all_skips = zip(*encoded, strict=True)
    skips = all_skips[past - 1]
    noise = torch.randn(
        batch, frames - 1, 3, generator=torch.Generator().manual_seed(3), dtype=x.dtype
    )
    posteriors = [gaussian(raw) for raw in step_by_step(model.posteriors, features[1:])]
    priors = [gaussian(raw) for raw in step_by_step(model.priors, features[:-1])]
    codes = [q.mean + q.stddev * noise[:, t] for t, q in enumerate(posteriors)]
    read = [torch.cat([h, z], 1) for h, z in zip(features[:-1], codes, strict=True)]
    predicted = [raw.tanh() for raw in step_by_step(model.predictor, read)]
    kl = torch.zeros(batch, dtype=x.dtype)
    log_ratio = torch.zeros(batch, dtype=x.dtype)
    log_likelihood = torch.zeros(batch, dtype=x.dtype)
    for t in range(past, frames):
        q, p, z = posteriors[t - 1], priors[t - 1], codes[t - 1]
        kl += D.kl_divergence(q, p)
        log_ratio += p.log_prob(z) - q.log_prob(z)
        raw = model.head(model.decoder(predicted[t - 1], skips))
        log_likelihood += D.Independent(D.Normal(raw.sigmoid(), 1.0), 3).log_prob(x[:, t])

    objective = model.objective(x, torch.Generator().manual_seed(3))
    torch.testing.assert_close(objective.kl, kl)
    torch.testing.assert_close(objective.reconstruction, -log_likelihood)
    sampled = model(x, torch.Generator().manual_seed(3))
    torch.testing.assert_close(sampled.log_ratio, log_ratio)


def test_targets_are_the_frames_of_the_outputs() -> None:
    model = make()
    x = torch.rand(4, 6, *SHAPE, dtype=torch.float64)
    torch.testing.assert_close(model.targets(x), x[:, 2:].reshape(16, *SHAPE))
    assert model(x).outputs.shape == (16, *SHAPE)
    # Training sees the first past + future = 5 frames.
    model.train()
    torch.testing.assert_close(model.targets(x), x[:, 2:5].reshape(12, *SHAPE))
    assert model(x).outputs.shape == (12, *SHAPE)


def test_a_prediction_depends_on_the_past_alone() -> None:
    """Of teacher forcing: frame t says nothing of predictions before t, codes aside."""
    model = make()
    x = torch.rand(2, 6, *SHAPE, dtype=torch.float64)
    changed = x.clone()
    changed[:, 4] = 1 - changed[:, 4]

    def outputs(x: Tensor) -> Tensor:
        found: Tensor = model(x, torch.Generator().manual_seed(0)).outputs
        return found.reshape(2, 4, *SHAPE)

    before, after = outputs(x), outputs(changed)
    torch.testing.assert_close(before[:, :2], after[:, :2])  # frames 2 and 3
    assert not torch.allclose(before[:, 2], after[:, 2])  # frame 4, through its code
    assert not torch.allclose(before[:, 3], after[:, 3])  # frame 5, which follows it


def test_generation_sees_the_given_frames_alone() -> None:
    model = make()
    x = torch.rand(3, 6, *SHAPE, dtype=torch.float64)
    changed = x.clone()
    changed[:, 2:] = 1 - changed[:, 2:]

    def generated(x: Tensor) -> Tensor:
        return model.prior_outputs(3, torch.Generator().manual_seed(0), model.context(x))

    assert torch.equal(generated(x), generated(changed))
    changed[:, 1] = 1 - changed[:, 1]
    assert not torch.allclose(generated(x), generated(changed))


def test_generation_is_the_teacher_forced_model_on_its_own_predictions() -> None:
    """With a prior that equals the posterior and has no spread, both give the same frames."""
    model = make()
    for part in (model.posteriors, model.priors):
        nn.init.zeros_(part.out.weight)
        nn.init.constant_(part.out.bias, -60.0)  # z = -60 + e^-30 noise
    x = torch.rand(3, 6, *SHAPE, dtype=torch.float64)
    outputs = model.prior_outputs(3, None, model.context(x)).unflatten(0, (3, 4))
    whole = torch.cat([x[:, :2], outputs.sigmoid()], dim=1)
    torch.testing.assert_close(model(whole).outputs.unflatten(0, (3, 4)), outputs)


@pytest.mark.parametrize(
    ("frames", "count"), [(torch.rand(3, 1, *SHAPE), 3), (torch.rand(3, 2, *SHAPE), 4)]
)
def test_a_wrong_context_is_refused(frames: Tensor, count: int) -> None:
    with pytest.raises(ValueError, match=r"context must be \(\d, 2\) frames, not \(3, "):
        make().prior_outputs(count, None, Context(frames.double(), 4))


def test_too_short_a_video_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 2 frames, not 2"):
        make()(torch.rand(3, 2, *SHAPE, dtype=torch.float64))


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((1, 24, 16), {}, "multiples of 16, not 24x16"),
        (SHAPE, {"past": 0}, "past must be positive, not 0"),
        (SHAPE, {"latents": -1}, "latents must be positive, not -1"),
    ],
)
def test_wrong_sizes_are_refused(
    shape: tuple[int, int, int], options: dict[str, int], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        models.create("svg", likelihoods.create("gaussian", shape), seed=0, **options)


def test_the_published_size() -> None:
    model = SVG(likelihoods.create("gaussian", (3, 64, 64)))
    assert model.posteriors.lstm.hidden_size == 256
    assert (model.posteriors.lstm.num_layers, model.predictor.lstm.num_layers) == (1, 2)
    sampled = model(torch.rand(1, 3, 3, 64, 64))
    assert sampled.outputs.shape == (1, 3, 64, 64)
    assert sampled.kl.shape == (1,)
