"""Sample quality: generated images against those of the test part, as a frozen network sees them.

Decoder means are what is shown; samples x ~ p(x|z) are what the likelihood says. A decoder whose
variance is too large has good means and noisy samples, so both are measured. So are the mean image
and the histogram of each value, which know nothing of an image (`without_code`).
"""

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import cache
from itertools import chain
from typing import Annotated, Any, ClassVar, Self

import torch
from pydantic import AfterValidator, Field
from torch import Tensor

from bench.data import images, subset
from bench.errors import unknown
from bench.evaluation.base import Measured, Measurement, Trained, Trial, timed_by_item
from bench.evaluation.generation import Generated, generate, generate_both, repeated
from bench.evaluation.reference import SUBSETS, Reference, kernel, network, reference
from bench.evaluation.without_code import fitted
from bench.metrics import features as extractors
from bench.metrics.features import Description, FeatureExtractor
from bench.metrics.frechet import frechet_distance, statistics
from bench.metrics.manifold import manifold
from reports import Metric

Count = Annotated[int, Field(ge=6)]


def _known(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in extractors.names():
            raise unknown("feature extractor", name, extractors.names())
    return names


_REST = "kernel distances, precision, recall, density and coverage"
SIZES = (
    Metric.number_of("frechet_images", "generated images (means)"),
    Metric.number_of("sample_images", "samples", "samples x ~ p(x|z) of a Frechet distance"),
    Metric.number_of(
        "frechet_reference_images", "test images", "test images of a Frechet distance"
    ),
    Metric.number_of(
        "manifold_images",
        "generated images in all but the Frechet distances",
        f"generated images (means) of {_REST}",
    ),
    Metric.number_of("manifold_sample_images", "samples in the kernel distance"),
    Metric.number_of(
        "manifold_reference_images", "test images in the same", f"test images of {_REST}"
    ),
    Metric.number_of("frechet_floor_images", "images in each half of the test part"),
    Metric.number_of(
        "kernel_floor_images",
        "of each half in the floor of the kernel distance",
        "images of each half in the floor of a kernel distance",
    ),
)
_HALVES = "the same between two random halves of the test part"
_KYNKAANNIEMI = "Kynkäänniemi et al., arXiv:1904.06991"
_NAEEM = "Naeem et al., arXiv:2002.09797"
_SHARES = (
    (
        "precision",
        "share of generated images (means) in the ball of some test image",
        " (fidelity); the ball of an image reaches its third nearest of its own kind, in the "
        "features",
        _KYNKAANNIEMI,
    ),
    (
        "recall",
        "share of test images in the ball of some generated one",
        " (diversity)",
        _KYNKAANNIEMI,
    ),
    (
        "density",
        "mean number of balls of test images around a generated one, over k = 5",
        " (fidelity; may exceed 1); these balls reach the fifth nearest test image",
        _NAEEM,
    ),
    ("coverage", "share of test images with a generated one in their ball", " (diversity)", _NAEEM),
)
"""Name, protocol, what else a definition says, and source."""


class Quality(Measurement):
    """Distances and shares of generated images, by the features of one extractor or of several.

    Each extractor is a measurement of its own (see `parts`): one more of them leaves the results of
    the others as they are.
    """

    name: ClassVar[str] = "quality"
    version: ClassVar[int] = 2
    features: Annotated[tuple[str, ...], AfterValidator(_known)] = ("inception", "inception_75")
    """Feature extractors."""
    fingerprint: str = ""  # of the extractor, where there is but one; set by the plan alone
    frechet_images: Count = 10000
    """Generated images (of videos, frames) for the Frechet distance."""
    reference_images: Annotated[int, Field(ge=0)] = 0
    """Test images that they are measured against, a fixed random choice; 0 means all of them."""
    sample_images: Count = 10000
    """Of these, the first for which pixels are drawn as well, x ~ p(x|z); never more than all. Only
    of as many images do the distances of means and of samples compare."""
    manifold_images: Count = 5000
    """Images of each kind for the kernel distance, precision, recall, density and coverage, whose
    cost grows with the square: random ones of the generated and of the test images."""

    def parts(self) -> tuple[Self, ...]:
        """One measurement for each extractor."""
        return tuple(self.model_copy(update={"features": (name,)}) for name in self.features)

    def prepared(self, *, fetch: bool) -> Self:
        """The measurement with the fingerprint of its extractor."""
        if not fetch and not extractors.available(self.extractor):
            return self
        eyes = network(self.extractor, torch.device("cpu"))
        return self.model_copy(update={"fingerprint": eyes.fingerprint})

    @property
    def to_fetch(self) -> str:
        """The weights of the extractor."""
        absent = not extractors.available(self.extractor)
        return f"the weights of {self.extractor} are not here" if absent else ""

    @property
    def label(self) -> str:
        """The name, with the extractor."""
        return "_".join((self.name, *self.features))

    @property
    def extractor(self) -> str:
        """The name of the one extractor."""
        (name,) = self.features
        return name

    @property
    def of_reference(self) -> tuple[str, int, int]:
        """What the reference depends on beside the data: extractor, images kept, images in all."""
        return self.extractor, self.manifold_images, self.reference_images

    def measure(self, trained: Trained) -> Measured:
        """Generate images, or take those that another extractor has seen, and compare them."""
        device = trained.model.device
        eyes = network(self.extractor, device)
        real = reference(trained.cache, trained.data, eyes, *self.of_reference[1:])
        # All extractors look at the same images, in the same batches.
        batches = trained.once(
            ("generated", self.frechet_images, self.sample_images, self.batch_size),
            lambda: list(self._batches(trained)),
        )
        kinds = zip(*batches, strict=True)
        seen = Generated(*(torch.cat([eyes(x) for x in kind if len(x)]) for kind in kinds))
        return Measured(
            self._sizes(seen, real)
            | self._distances(seen, real, eyes.description)
            | self._without_code(trained, real, eyes)
        )

    def _batches(self, trained: Trained) -> Iterator[Generated]:
        """Generated images uint8 (B, C, H, W), batch by batch: means, and samples of the first."""
        model, items = trained.model, trained.data.test
        sampled = min(self.sample_images, self.frechet_images)
        count = start = 0
        while count < self.frechet_images:
            context = repeated(items, min(self.batch_size, self.frechet_images - count), start)
            if count < sampled:
                means, samples = map(images, generate_both(model, context, trained.seed, start))
            else:
                means = images(generate(model, context, trained.seed, start))
                samples = means[:0]
            means, samples = means[: self.frechet_images - count], samples[: sampled - count]
            yield Generated(means, samples)
            count, start = count + len(means), start + self.batch_size

    def _sizes(self, seen: Generated, real: Reference) -> dict[str, Any]:
        return {
            "frechet_images": len(seen.means),
            "sample_images": len(seen.samples),
            "frechet_reference_images": real.statistics.count,
            "frechet_floor_images": real.floor.frechet_images,
            "manifold_images": min(self.manifold_images, len(seen.means)),
            "manifold_sample_images": min(self.manifold_images, len(seen.samples)),
            "manifold_reference_images": len(real.features),
            "kernel_floor_images": real.floor.kernel_images,
        }

    def _distances(self, seen: Generated, real: Reference, words: Description) -> dict[str, Any]:
        means, samples = map(self._few, seen)
        shares = manifold(real.features, means)
        return {
            words.column: frechet_distance(statistics(seen.means), real.statistics),
            f"{words.column}_samples": frechet_distance(statistics(seen.samples), real.statistics),
            f"{words.column}_floor": real.floor.frechet,
            **_kernel(words.kernel_column, means, real),
            **_kernel(f"{words.kernel_column}_samples", samples, real),
            f"{words.kernel_column}_floor": real.floor.kernel,
            f"{words.kernel_column}_floor_standard_error": real.floor.kernel_standard_error,
            **{f"{name}_{words.name}": share for name, share in asdict(shares).items()},
        }

    def _few(self, features: Tensor) -> Tensor:
        return subset(features, self.manifold_images, "generated features")

    def _without_code(
        self, trained: Trained, real: Reference, eyes: FeatureExtractor
    ) -> dict[str, float]:
        """The headline of the mean image and of the histogram, once for all runs on the data."""
        sizes = f"{self.frechet_images} {self.manifold_images} {self.reference_images}"
        text = f"{trained.data.checksum} quality without code {eyes.fingerprint} {sizes}"
        key = hashlib.sha256(text.encode()).hexdigest()[:20]
        columns: dict[str, float] | None = trained.cache.cached(key)
        if columns is None:
            known, words = fitted(trained), eyes.description
            mean = eyes(known.means(1)).expand(self.frechet_images, -1)
            histogram = torch.cat([eyes(x) for x in known.samples(self.frechet_images)])
            kinds = {"mean_image": mean, "histogram": histogram}
            if words.headline == "kernel":
                columns = {
                    f"{kind}_{words.kernel_column}": kernel(self._few(x), real.features).mean
                    for kind, x in kinds.items()
                }
            else:
                columns = {
                    f"{kind}_{words.column}": frechet_distance(statistics(x), real.statistics)
                    for kind, x in kinds.items()
                }
            trained.cache.cache(key, columns)
        return columns

    def seconds(self, trial: Trial) -> float:
        """Generated images, and the network that looks at them."""
        model, seed = trial.trained.model, trial.trained.seed
        if not extractors.available(self.extractor):
            return 0.0  # nothing is fetched for an estimate
        of_item = len(trial.few) / len(frames := model.targets(trial.few))
        means = of_item * trial.seconds("generation", lambda few: generate(model, few, seed, 0))
        both = of_item * trial.seconds("both", lambda few: generate_both(model, few, seed, 0))
        looking = _seconds_to_look(self.extractor, model.device, frames.shape[1:])
        sampled = min(self.sample_images, self.frechet_images)
        return (self.frechet_images - sampled) * (means + looking) + sampled * (both + 2 * looking)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Distances, shares and numbers of images."""
        of_each = (metrics_of(extractors.describe(name)) for name in self.features)
        return (*SIZES, *chain.from_iterable(of_each))


@cache
def _seconds_to_look(extractor: str, device: torch.device, shape: torch.Size) -> float:
    """Seconds that a network takes for an image (C, H, W), whatever model has generated it."""
    eyes, some = network(extractor, device), torch.zeros(8, *shape, dtype=torch.uint8)
    return timed_by_item(lambda count: eyes(some[:count]), len(some), device)


def _kernel(column: str, seen: Tensor, real: Reference) -> dict[str, float]:
    distance = kernel(seen, real.features)
    return {column: distance.mean, f"{column}_standard_error": distance.standard_error}


_GENERATED = (
    "generated images (decoder means of latents from the prior, rounded to 8 bits; of video, "
    "predicted frames) against images of the test part"
)


def metrics_of(extractor: Description) -> tuple[Metric, ...]:
    """Return what is measured of generated images with one feature extractor."""
    frechet = Metric(
        extractor.column,
        extractor.heading,
        "Frechet distance, the squared 2-Wasserstein distance of two Gaussians fitted to features "
        "of generated and of test images; no unit. Only with the Inception network at 299 pixels "
        "is it called FID. Values compare only under one protocol and number of images",
        best="lowest",
        headline=extractor.headline == "frechet",
        images=("frechet_images", "frechet_reference_images"),
        features=extractor.name,
        source="Heusel et al., arXiv:1706.08500, equation 6",
        protocol=_GENERATED,
    )
    kernel = Metric(
        extractor.kernel_column,
        extractor.kernel_heading,
        "kernel distance, a squared maximum mean discrepancy of features of generated and of test "
        "images, of a cubic kernel; no unit. Its estimate is unbiased, so it may be negative. Only "
        "with the Inception network at 299 pixels is it called KID",
        best="lowest",
        headline=extractor.headline == "kernel",
        images=("manifold_images", "manifold_reference_images"),
        features=extractor.name,
        source="Bińkowski et al., arXiv:1801.01401, section 4",
        protocol=f"{_GENERATED}, mean over at most {SUBSETS} disjoint random subsets",
    )
    noisy = (
        "the same of samples x ~ p(x|z) of the same latents, clipped to [0, 1] and rounded; of "
        "video, each frame drawn given the means before it"
    )
    kernels = _with_samples_and_floor(kernel, noisy)
    return (
        *_with_samples_and_floor(frechet, noisy),
        *(each for distance in kernels for each in (distance, _standard_error(distance))),
        *_shares(extractor.name),
        *(
            Metric(
                f"{kind}_{distance.key}",
                f"{distance.name} of the {name}",
                f"{distance.name} of {what}, in place of generated images",
            )
            for distance in (frechet, kernel)
            if distance.headline
            for kind, name, what in _WITHOUT_CODE
        ),
    )


_WITHOUT_CODE = (
    ("mean_image", "mean image", "the mean training image, over and over"),
    ("histogram", "histogram", "images of independent values, each from its training histogram"),
)


def _with_samples_and_floor(distance: Metric, of_samples: str) -> tuple[Metric, ...]:
    """A distance of decoder means, that of samples, and that of halves of the test part."""
    plain = replace(distance, headline=False, source="")
    samples = replace(
        plain,
        key=f"{distance.key}_samples",
        name=f"{distance.name} of samples",
        definition=f"{distance.name} of samples x ~ p(x|z), which have the decoder's noise",
        protocol=of_samples,
    )
    floor = replace(
        plain,
        key=f"{distance.key}_floor",
        name=f"{distance.name}, floor",
        definition=f"{distance.name} of two random halves of the test part, below which no model "
        "can be told apart from the data",
        best=None,
        protocol=_HALVES,
    )
    return replace(distance, floor=floor.key), samples, floor


def _standard_error(kernel: Metric) -> Metric:
    return replace(
        kernel,
        headline=False,
        key=f"{kernel.key}_standard_error",
        name=f"standard error of {kernel.name}",
        definition=f"standard error of {kernel.name} over new images, of one run",
        best=None,
        floor=kernel.floor and f"{kernel.floor}_standard_error",
        source="",
        protocol=_HALVES
        if kernel.key.endswith("_floor")
        else "from the spread of these subsets: over new images, of one model",
    )


def _shares(extractor: str) -> tuple[Metric, ...]:
    expected = Metric(
        f"expected_coverage_{extractor}",
        "expected coverage",
        "coverage of a perfect model, on average",
        decimals=3,
        features=extractor,
        source=_NAEEM,
        protocol="from the numbers of images alone",
    )
    shares = (
        replace(
            expected,
            key=f"{share}_{extractor}",
            name=share,
            definition=protocol + remark,
            best="highest",
            floor=expected.key if share == "coverage" else None,
            source=source,
            protocol=protocol,
        )
        for share, protocol, remark, source in _SHARES
    )
    return (*shares, expected)
