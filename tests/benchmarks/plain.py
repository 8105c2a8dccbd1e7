"""The published VAE with optimal sigma as a tutorial would write it: the reference for all times.

PyTorch's own layers in float32, a DataLoader over torchvision's data set, and a loss that is read
at every step, as in the paper's public repository.
"""

from __future__ import annotations

import math
import time
from pathlib import Path

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

WIDTH, LATENTS, BATCH = 32, 20, 128


class Plain(nn.Module):
    """Encoder and decoder of 28x28 images of one channel.

    Args:
        device: where it is trained.
    """

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        size = 4 * WIDTH * 49
        self.encoder = nn.Sequential(
            nn.Conv2d(1, WIDTH, 3, padding=1), nn.ReLU(),
            nn.Conv2d(WIDTH, 2 * WIDTH, 4, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(2 * WIDTH, 4 * WIDTH, 5, stride=2, padding=2), nn.ReLU(),
            nn.Flatten(), nn.Linear(size, 2 * LATENTS),
        )  # fmt: skip
        self.decoder = nn.Sequential(
            nn.Linear(LATENTS, size), nn.Unflatten(1, (4 * WIDTH, 7, 7)),
            nn.ConvTranspose2d(4 * WIDTH, 2 * WIDTH, 6, stride=2, padding=2), nn.ReLU(),
            nn.ConvTranspose2d(2 * WIDTH, WIDTH, 6, stride=2, padding=2), nn.ReLU(),
            nn.ConvTranspose2d(WIDTH, 1, 5, padding=2), nn.Sigmoid(),
        )  # fmt: skip
        self.to(device)
        self.optimizer = torch.optim.Adam(self.parameters(), lr=1e-3)

    def step(self, x: Tensor) -> float:
        """One step on images (B, 1, 28, 28) in [0, 1]; returns the loss."""
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        mse = F.mse_loss(self.decoder(z), x)
        kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1).mean()
        loss = 0.5 * x[0].numel() * (mse.log() + 1 + math.log(2 * math.pi)) + kl
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return float(loss)


def seconds_of_a_step(device: torch.device, folder: Path, steps: int, before: int) -> float:
    """Mean time of a step over MNIST, its DataLoader included.

    Args:
        device: where it is trained.
        folder: where torchvision's MNIST is.
        steps: that are timed, at most an epoch.
        before: that are not.
    """
    to_tensor = torchvision.transforms.ToTensor()
    images = torchvision.datasets.MNIST(folder, train=True, transform=to_tensor)
    loader = torch.utils.data.DataLoader(
        images, BATCH, shuffle=True, num_workers=1, pin_memory=device.type == "cuda"
    )
    model = Plain(device)
    started = 0.0
    for number, (x, _) in enumerate(loader):
        if number == before:
            started = time.perf_counter()
        if number == before + steps:
            break
        model.step(x.to(device))
    return (time.perf_counter() - started) / steps
