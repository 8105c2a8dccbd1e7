"""How well the future of videos is predicted."""

from typing import ClassVar

from bench.data import subset, to_float
from bench.evaluation.base import Measured, Measurement, Trained, Trial
from bench.evaluation.generation import generate
from bench.metrics.images import quantise
from bench.metrics.video import BestOfSamples
from bench.models import Model
from bench.settings import Count
from reports import Metric

_BEST_OF = "Denton & Fergus, arXiv:1802.07687, section 4"

METRICS = (
    Metric(
        "ssim_best_of_n",
        "SSIM",
        "structural similarity of predicted with true frames (Wang et al. 2004), mean over frames, "
        "of the most similar of n predictions of a test video",
        decimals=3,
        best="highest",
        source=_BEST_OF,
    ),
    Metric(
        "psnr_best_of_n_db",
        "PSNR",
        "squared error of predicted frames in decibels, mean over frames, of the most similar of n "
        "predictions of a test video",
        unit="dB",
        decimals=2,
        best="highest",
        source=_BEST_OF,
    ),
    Metric.number_of("best_of", "predictions of a video"),
    Metric.number_of("best_of_videos", "predicted test videos"),
)


class Similarity(Measurement):
    """Similarity of the best of several predictions of a video to what happened."""

    name: ClassVar[str] = "similarity"
    metrics: ClassVar[tuple[Metric, ...]] = METRICS
    best_of: Count = 100  # predictions of each video, of which the most similar one counts
    best_of_videos: Count = 256  # test videos

    def measure(self, trained: Trained) -> Measured:
        """Predict a fixed subset of the test videos several times."""
        model = trained.model
        chosen = subset(trained.data.test, self.best_of_videos, "predicted")
        scores = BestOfSamples()
        for number, videos in enumerate(chosen.split(self.batch_size)):
            truth = model.targets(to_float(videos, model.device)).unflatten(0, (len(videos), -1))
            scores.update(
                quantise(truth),
                (
                    generate(model, videos, trained.seed, "predicted", number, sample)
                    for sample in range(self.best_of)
                ),
            )
        similarity = scores.result()
        return Measured(
            {
                "ssim_best_of_n": similarity.ssim,
                "psnr_best_of_n_db": similarity.psnr_db,
                "best_of": similarity.samples,
                "best_of_videos": similarity.sequences,
            }
        )

    def seconds(self, trial: Trial) -> float:
        """Frames that are predicted."""
        model, seed = trial.trained.model, trial.trained.seed
        videos = min(self.best_of_videos, len(trial.trained.data.test))
        one = trial.seconds("generation", lambda few: generate(model, few, seed, 0))
        return self.best_of * videos * one

    def describe(self, items: str) -> str:
        """Numbers of predictions and of items."""
        return f"the best of {self.best_of} predictions of {self.best_of_videos} test {items}"

    def fits(self, model: type[Model]) -> bool:
        """Models of video alone."""
        return model.video
