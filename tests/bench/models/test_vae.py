import pytest
import torch
from torch import distributions as D
from torch import nn

import likelihoods
from bench import models
from bench.errors import UsageError


def make(name: str = "gaussian", shape: tuple[int, int, int] = (1, 28, 28), **options: int):  # type: ignore[no-untyped-def]
    return models.create("vae", likelihoods.create(name, shape=shape), **{"seed": 0, **options})


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 28, 28), (1, 32, 32), (3, 32, 32)])
@pytest.mark.parametrize("name", ["gaussian", "bitwise_categorical"])
def test_shapes(name: str, shape: tuple[int, int, int]) -> None:
    model = make(name, shape, width=2)
    outputs, kl, log_ratio, kl_layers = model(torch.rand(5, *shape))
    assert outputs.shape == (5, model.likelihood.output_channels, *shape[1:])
    assert kl.shape == log_ratio.shape == (5,)
    assert kl_layers is None
    assert model.prior_outputs(4).shape == (4, *outputs.shape[1:])
    assert model.posterior(torch.rand(5, *shape)).mean.shape == (5, 20)


def test_published_network() -> None:
    """The layers of PAPER.md: kernels, strides and channels, at the published width."""
    model = make(shape=(3, 28, 28))
    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    encoder = [layer for layer in model.encoder if isinstance(layer, kinds)]
    assert [(c.out_channels, c.kernel_size[0], c.stride[0]) for c in encoder] == [
        (32, 3, 1),
        (64, 4, 2),
        (128, 5, 2),
    ]
    decoder = [layer for layer in [*model.decoder, model.head] if isinstance(layer, kinds)]
    assert [(c.out_channels, c.kernel_size[0], c.stride[0]) for c in decoder] == [
        (64, 6, 2),
        (32, 6, 2),
        (3, 5, 1),
    ]


def test_elbo_against_torch_distributions() -> None:
    model = make(width=2, latents=4).double()
    x = torch.rand(6, 1, 28, 28, dtype=torch.float64)
    objective = model.objective(x, torch.Generator().manual_seed(3))
    mean, std = model.posterior(x)
    q = D.Independent(D.Normal(mean, std), 1)
    p = D.Independent(D.Normal(torch.zeros_like(mean), torch.ones_like(std)), 1)
    noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(3), dtype=mean.dtype)
    decoded = D.Independent(D.Normal(model.decode(mean + std * noise).sigmoid(), 1.0), 3)
    torch.testing.assert_close(objective.kl, D.kl_divergence(q, p))
    torch.testing.assert_close(objective.reconstruction, -decoded.log_prob(x))
    z = mean + std * noise
    ratio = model(x, torch.Generator().manual_seed(3)).log_ratio
    torch.testing.assert_close(ratio, p.log_prob(z) - q.log_prob(z))


def test_wrong_options_are_one_line() -> None:
    with pytest.raises(
        UsageError, match=r"unknown option of model vae 'widht'; did you mean 'width'"
    ):
        make(widht=3)
    with pytest.raises(UsageError, match="option width of model vae must be int, not 'wide'"):
        make(width="wide")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="multiples of 4"):
        make(shape=(1, 30, 28))
    with pytest.raises(UsageError, match="width and latents must be positive, not 0"):
        make(width=0)
    with pytest.raises(UsageError, match=r"unknown model 'vea'; did you mean 'vae'"):
        models.create("vea", likelihoods.create("gaussian", shape=(1, 8, 8)), seed=0)
