"""Training: settings of a suite, and the trainer."""

from bench.training.settings import History, Training
from bench.training.trainer import Trainer, Trajectory

VERSION = 3
"""Version of the training code. Raise it with any change of training, seeding or data order that
changes weights: runs of another version are then trained anew. A change of one model raises the
`version` of its class."""

__all__ = ["VERSION", "History", "Trainer", "Training", "Trajectory"]
