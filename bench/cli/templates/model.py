"""A network of my own: python -m bench run --suite mnist --budget smoke --model FILE:Template."""

import torch
from torch import nn

from bench.models import Model, Normal, Sampled
from bench.seeds import seeded


class Template(Model):
    """One Gaussian code z between two layers down and two up, for images of any size."""

    def __init__(self, likelihood, *, width=64, latents=16, seed=0):  # options: whatever TOML holds
        super().__init__()
        self.likelihood, self.latents = likelihood, latents
        channels, height, across = likelihood.shape
        with seeded(seed, "trunk weights"):  # the same for every likelihood
            down = [nn.Flatten(), nn.Linear(channels * height * across, width), nn.ReLU()]
            self.encoder = nn.Sequential(*down, nn.Linear(width, 2 * latents))
            up = [nn.Linear(latents, width), nn.ReLU(), nn.Linear(width, 8 * height * across)]
            self.decoder = nn.Sequential(*up, nn.ReLU(), nn.Unflatten(1, (8, height, across)))
        with seeded(seed, "head weights"):  # the only layer whose shape the likelihood decides
            self.head = nn.Conv2d(8, likelihood.output_channels, 1)

    def posterior(self, x):  # q(z|x); leave it away where it is not one factorised Gaussian
        mean, log_std = self.encoder(x).float().chunk(2, dim=1)
        return Normal(mean, log_std.exp())

    def forward(self, x, generator=None):  # images (B, C, H, W) in [0, 1]; all sums, in nats
        q = self.posterior(x)
        z, noise = q.draw(generator)
        kl = (0.5 * (q.mean**2 + q.std**2 - 1) - q.std.log()).sum(1)
        log_ratio = (0.5 * (noise**2 - z**2) + q.std.log()).sum(1)  # ln p(z) - ln q(z|x)
        return Sampled(self.head(self.decoder(z)), kl, log_ratio)

    def prior_outputs(self, count, generator=None, context=None):
        z = torch.empty(count, self.latents, device=self.device).normal_(generator=generator)
        return self.head(self.decoder(z))
