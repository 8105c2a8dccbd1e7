"""The small convolutional VAE of the SVHN column (Rybkin et al. 2021, appendix)."""

import torch
from torch import Tensor, nn

from bench.models.base import Context, Model, Sampled, raw_outputs, register
from bench.models.layers import Same
from bench.models.normal import Normal, single
from bench.seeds import seeded
from likelihoods import Likelihood


@register("vae")
class VAE(Model):
    """Three convolutions down, three up, one Gaussian latent vector.

    Encoder: 3x3 stride 1, 4x4 stride 2, 5x5 stride 2 with `width` x (1, 2, 4) channels, ReLU after
    each, then a linear layer to mean and ln variance of q(z|x). Decoder: linear, with no
    nonlinearity after it, transposed 6x6 stride 2 twice with `width` x (2, 1) channels, ReLU after
    each, then transposed 5x5 stride 1 to the raw outputs of the likelihood. The published width is
    32, with 20 latents (Rybkin et al. 2021, arXiv 2006.13202, and its public code).

    Every layer starts from PyTorch's default weights, which for the last one are uniform within
    1 / sqrt(25 * channels of the image). PyTorch would narrow them for a likelihood with more
    outputs a value; here the bound is the published one for all, so that all start from one scale.

    Args:
        likelihood: any likelihood whose height and width are multiples of four.
        width: channels of the first layer.
        latents: size L of the latent vector.
    """

    def __init__(
        self, likelihood: Likelihood, *, width: int = 32, latents: int = 20, seed: int = 0
    ) -> None:
        super().__init__()
        channels, height, width_px = likelihood.shape
        if height % 4 or width_px % 4:
            raise ValueError(f"height and width must be multiples of 4, not {height}x{width_px}")
        if width < 1 or latents < 1:
            raise ValueError(f"width and latents must be positive, not {width} and {latents}")
        self.likelihood = likelihood
        self.latents = latents
        inner = (4 * width, height // 4, width_px // 4)
        size = inner[0] * inner[1] * inner[2]
        with seeded(seed, "trunk weights"):
            self.encoder = nn.Sequential(
                nn.Conv2d(channels, width, 3, padding=1),
                nn.ReLU(),
                nn.Conv2d(width, 2 * width, 4, stride=2, padding=1),
                nn.ReLU(),
                nn.Conv2d(2 * width, 4 * width, 5, stride=2, padding=2),
                nn.ReLU(),
                nn.Flatten(),
                nn.Linear(size, 2 * latents),
            )
            self.decoder = nn.Sequential(
                # A ReLU here would draw the decoder into predicting black: docs/validity.md.
                nn.Linear(latents, size),
                nn.Unflatten(1, inner),
                nn.ConvTranspose2d(4 * width, 2 * width, 6, stride=2, padding=2),
                nn.ReLU(),
                nn.ConvTranspose2d(2 * width, width, 6, stride=2, padding=2),
                nn.ReLU(),
            )
        with seeded(seed, "head weights"):
            self.head = Same(width, likelihood.output_channels, 5)
            limit = (25 * channels) ** -0.5
            for parameter in self.head.parameters():
                nn.init.uniform_(parameter, -limit, limit)

    def _encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and ln standard deviation of q(z|x), (B, L) each."""
        mean, log_variance = single(self.encoder(x)).chunk(2, dim=1)
        return mean, log_variance / 2

    def posterior(self, x: Tensor) -> Normal:
        """q(z|x): mean and standard deviation, (B, L) each."""
        mean, log_std = self._encode(x)
        return Normal(mean, log_std.exp())

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Sampled:
        """Raw outputs (B, channels, H, W) for one posterior sample, and the analytic KL (B,)."""
        mean, log_std = self._encode(x)
        std = log_std.exp()
        noise = torch.empty_like(mean).normal_(generator=generator)
        kl = (0.5 * (mean.square() + std.square() - 1) - log_std).sum(dim=1)
        z = mean + std * noise
        log_ratio = (log_std + 0.5 * (noise.square() - z.square())).sum(dim=1)
        return Sampled(self.decode(z), kl, log_ratio)

    def decode(self, z: Tensor) -> Tensor:
        """Raw outputs (B, channels, H, W) of latents (B, L)."""
        return raw_outputs(self.head, self.decoder(z), self.likelihood)

    def prior_outputs(
        self, count: int, generator: torch.Generator | None = None, context: Context | None = None
    ) -> Tensor:
        """Raw outputs of `count` latents drawn from N(0, I)."""
        weight = self.head.weight
        z = torch.empty(count, self.latents, device=weight.device, dtype=weight.dtype)
        return self.decode(z.normal_(generator=generator))
