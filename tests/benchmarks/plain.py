"""The published VAE as a tutorial would write it: the reference for all times.

PyTorch's own layers in float32, a DataLoader over torchvision's data set, and a loss that is read
at every step, as in the paper's public repository.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

LATENTS = 20
LEVELS = 256


class Plain(nn.Module):
    """Encoder, decoder, loss and optimiser.

    Args:
        shape: (C, H, W) of the images.
        width: channels of the first layer.
        categorical: whether grey levels are classes, else the variance is the optimal one.
    """

    def __init__(self, shape: tuple[int, int, int], width: int, *, categorical: bool) -> None:
        super().__init__()
        channels, height, across = shape
        inner = (4 * width, height // 4, across // 4)
        size = math.prod(inner)
        outputs = (LEVELS if categorical else 1) * channels
        self.categorical = categorical
        self.encoder = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(),
            nn.Conv2d(width, 2 * width, 4, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(2 * width, 4 * width, 5, stride=2, padding=2), nn.ReLU(),
            nn.Flatten(), nn.Linear(size, 2 * LATENTS),
        )  # fmt: skip
        self.decoder = nn.Sequential(
            nn.Linear(LATENTS, size), nn.Unflatten(1, inner),
            nn.ConvTranspose2d(4 * width, 2 * width, 6, stride=2, padding=2), nn.ReLU(),
            nn.ConvTranspose2d(2 * width, width, 6, stride=2, padding=2), nn.ReLU(),
            nn.ConvTranspose2d(width, outputs, 5, padding=2),
        )  # fmt: skip
        self.optimizer = torch.optim.Adam(self.parameters(), lr=1e-3)

    def step(self, x: Tensor) -> float:
        """One step on images (B, C, H, W) in [0, 1]; returns the loss."""
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1).mean()
        loss = self._nats(self.decoder(z), x) + kl
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return float(loss.detach())

    def _nats(self, outputs: Tensor, x: Tensor) -> Tensor:
        if self.categorical:
            levels = (x * (LEVELS - 1)).round().long()
            logits = outputs.unflatten(1, (LEVELS, -1))
            return F.cross_entropy(logits, levels, reduction="sum") / len(x)
        mse = F.mse_loss(outputs.sigmoid(), x)
        return 0.5 * x[0].numel() * (mse.log() + 1 + math.log(2 * math.pi))


def plain_step(
    shape: tuple[int, int, int], width: int, *, categorical: bool = False
) -> Callable[[Tensor], float]:
    """One step after the other on images uint8, (B, C, H, W)."""
    model = Plain(shape, width, categorical=categorical)
    return lambda images: model.step(images.float() / (LEVELS - 1))


def seconds_of_a_step(device: torch.device, folder: Path, steps: int, before: int) -> float:
    """Mean time of a step of the published VAE over MNIST, its DataLoader included.

    Args:
        device: where it is trained.
        folder: where torchvision's MNIST is.
        steps: that are timed, at most an epoch.
        before: that are not.
    """
    to_tensor = torchvision.transforms.ToTensor()
    images = torchvision.datasets.MNIST(folder, train=True, transform=to_tensor)
    loader = torch.utils.data.DataLoader(
        images, 128, shuffle=True, num_workers=1, pin_memory=device.type == "cuda"
    )
    model = Plain((1, 28, 28), 32, categorical=False).to(device)
    started = 0.0
    for number, (x, _) in enumerate(loader):
        if number == before:
            started = time.perf_counter()
        if number == before + steps:
            break
        model.step(x.to(device))
    return (time.perf_counter() - started) / steps
