"""How well a linear classifier tells classes from posterior means."""

from typing import ClassVar

from bench.data import subset
from bench.evaluation.base import Measured, Measurement, NotApplicableError, Trained, Trial
from bench.evaluation.latents import posterior_seconds, posteriors
from bench.metrics.latents import probe_accuracy
from bench.settings import Count
from reports import Metric

METRICS = (
    Metric(
        "probe_accuracy",
        "probe accuracy",
        "share of test images whose class a linear classifier reads off the posterior mean",
        decimals=3,
        best="highest",
        source="Alain & Bengio, arXiv:1610.01644",
    ),
    Metric.number_of("probe_images", "training images for the probe"),
    Metric.number_of("probe_test_images", "test images for the probe"),
)


class Probe(Measurement):
    """A linear probe of the latents: fitted on training images, scored on test images."""

    name: ClassVar[str] = "probe"
    metrics: ClassVar[tuple[Metric, ...]] = METRICS
    probe_images: Count = 2000  # training images to fit on, and as many test images to score

    def measure(self, trained: Trained) -> Measured:
        """Fit and score the classifier on fixed subsets."""
        data = trained.data
        if data.labels is None:
            raise NotApplicableError("the data have no labels")
        means, labels = [], []
        for part, items in (("train", data.train), ("test", data.test)):
            purpose = f"probe {part}"
            chosen = subset(items, self.probe_images, purpose)
            means.append(posteriors(trained.model, chosen, self.batch_size).mean)
            labels.append(subset(data.labels[part], self.probe_images, purpose))
        if len(labels[0].unique()) < 2:
            raise NotApplicableError("the training images chosen are all of one class")
        accuracy = probe_accuracy(means[0], labels[0], means[1], labels[1])
        sizes = {"probe_images": len(labels[0]), "probe_test_images": len(labels[1])}
        return Measured({"probe_accuracy": accuracy, **sizes})

    def seconds(self, trial: Trial) -> float:
        """Images whose posterior is taken; the fit is not counted."""
        data = trial.trained.data
        if data.labels is None:
            return 0.0
        items = min(self.probe_images, len(data.train)) + min(self.probe_images, len(data.test))
        return items * posterior_seconds(trial, self.batch_size)

    def describe(self, items: str) -> str:
        """Number of items."""
        return f"{self.probe_images} labelled training {items} for the probe"
