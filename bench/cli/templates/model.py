"""A network of my own: python -m bench run --suite mnist --budget smoke --model FILE:Template."""

import torch
from torch import Generator, Tensor, nn

from bench.models import Context, Model, Normal, Sampled
from bench.seeds import seeded
from likelihoods import Likelihood


class Template(Model):
    """One Gaussian code z between two layers down and two up, for images of any size."""

    # Options are keyword arguments with defaults: --model 'FILE:Template(width=32)'.
    def __init__(self, like: Likelihood, *, width: int = 64, latents: int = 16, seed: int = 0):
        super().__init__()
        self.likelihood, self.latents = like, latents
        channels, height, across = like.shape
        with seeded(seed, "trunk weights"):  # the same for every likelihood
            down = [nn.Flatten(), nn.Linear(channels * height * across, width), nn.ReLU()]
            self.encoder = nn.Sequential(*down, nn.Linear(width, 2 * latents))
            up = [nn.Linear(latents, width), nn.ReLU(), nn.Linear(width, 8 * height * across)]
            self.decoder = nn.Sequential(*up, nn.ReLU(), nn.Unflatten(1, (8, height, across)))
        with seeded(seed, "head weights"):  # the only layer whose shape the likelihood decides
            self.head = nn.Conv2d(8, like.output_channels, 1)

    def posterior(self, x: Tensor) -> Normal:  # leave it away if not one factorised Gaussian
        mean, log_std = self.encoder(x).float().chunk(2, dim=1)
        return Normal(mean, log_std.exp())

    def forward(self, x: Tensor, generator: Generator | None = None) -> Sampled:
        q = self.posterior(x)  # of images (B, C, H, W) in [0, 1]; all below are sums, in nats
        z, noise = q.draw(generator)
        kl = (0.5 * (q.mean**2 + q.std**2 - 1) - q.std.log()).sum(1)
        log_ratio = (0.5 * (noise**2 - z**2) + q.std.log()).sum(1)  # ln p(z) - ln q(z|x)
        return Sampled(self.head(self.decoder(z)), kl, log_ratio)

    def prior_outputs(
        self, count: int, generator: Generator | None = None, context: Context | None = None
    ) -> Tensor:
        z = torch.empty(count, self.latents, device=self.device).normal_(generator=generator)
        outputs: Tensor = self.head(self.decoder(z))
        return outputs
