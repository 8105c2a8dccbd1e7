"""What a likelihood is given and gives is checked, whoever wrote it, and never on a device."""

import gc
import pickle
import weakref
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torch import distributions as D
from torch.distributions import Distribution

import likelihoods
from likelihoods import Likelihood, LikelihoodError
from likelihoods.core.contract import CheckedDistribution
from likelihoods.core.distributions import ImageDistribution
from tests.likelihoods.broken import AveragedMass, Sound, UnsummedLogProb, WrongBatchShape

SHAPE = (3, 4, 5)


class OwnMass(Sound):
    """Writes every method that it may, as an author would, and checks nothing."""

    def split(self, outputs: Tensor) -> tuple[Tensor, ...]:
        return outputs.chunk(2, 1)

    def log_mass(self, outputs: Tensor, x: Tensor) -> Tensor:
        return x.flatten(1).sum(1)

    def level_cdf(self, outputs: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        return x, x


class Levels(Sound):
    """A mass of one value a level: all alike."""

    measure = "mass"

    def laplace(self, location: Tensor, scale: Tensor) -> Distribution:
        return D.Independent(D.Uniform(location * 0, location * 0 + 256), 3)


class UnsummedMass(UnsummedLogProb):
    """Its log_mass, which it inherits, is the log_prob that it does not sum."""

    measure = "mass"


MADE: dict[str, Callable[[likelihoods.Shape], Likelihood]] = {
    "registered": lambda shape: likelihoods.create("per_pixel_sigma", shape),
    "sound": Sound,
    "own mass": OwnMass,
}
METHODS: dict[str, Callable[[Likelihood, Tensor, Tensor], Any]] = {
    "log_prob": lambda likelihood, outputs, x: likelihood(outputs).log_prob(x),
    "log_mass": likelihoods.checked_log_mass,
    "level_cdf": likelihoods.checked_level_cdf,
    "target": lambda likelihood, outputs, x: likelihood(outputs, target=x),
}


def images(batch: int = 4) -> Tensor:
    return torch.randint(256, (batch, *SHAPE)) / 255


def message(call: Callable[[], object]) -> str:
    with pytest.raises(LikelihoodError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("made", MADE)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda x: x[:, :1], "images of shape (4, 1, 4, 5) do not fit"),
        (lambda x: x[:3], "images of shape (3, 3, 4, 5) do not fit"),
        (lambda x: x.flatten(1), "images of shape (4, 60) do not fit"),
        (lambda x: (x * 255).to(torch.uint8), "torch.uint8"),
        (lambda x: (x * 255).long(), "torch.int64"),
        (lambda x: x.bfloat16(), "cannot tell 256 levels"),
        (lambda x: torch.where(x > 0.5, torch.nan, x), "nan"),
        (lambda x: x.to("meta"), "on meta"),
    ],
)
def test_wrong_images(
    made: str, method: str, spoil: Callable[[Tensor], Tensor], words: str
) -> None:
    likelihood = MADE[made](SHAPE)
    outputs = torch.zeros(4, 6, 4, 5)
    found = message(lambda: METHODS[method](likelihood, outputs, spoil(images())))
    assert words in found
    assert f"{method} of {likelihood.name}" in found
    if method in ("log_mass", "level_cdf") and made != "own mass":  # those check by themselves
        ask = getattr(likelihood, method)
        assert message(lambda: ask(outputs, spoil(images()))) == found


@pytest.mark.parametrize("made", MADE)
@pytest.mark.parametrize("method", METHODS)
def test_wrong_outputs(made: str, method: str) -> None:
    likelihood, x = MADE[made](SHAPE), images()
    for outputs, words in (
        (torch.zeros(4, 3, 4, 5), "expected (B, 6, 4, 5), that is 2 for each value"),
        (torch.zeros(4, 6, 5, 4), "expected (B, 6, 4, 5)"),
        (torch.zeros(6, 4, 5), "expected (B, 6, 4, 5)"),
        (torch.zeros(4, 6, 4, 5, dtype=torch.int32), "expected floats"),
    ):
        assert words in message(partial(METHODS[method], likelihood, outputs, x))


@pytest.mark.parametrize("made", MADE)
@pytest.mark.parametrize("method", ["log_mass", "level_cdf"])
@pytest.mark.parametrize(
    ("value", "words"),
    [
        (-0.1, "from -0.1 to 1: expected [0, 1]"),
        (255.0, "from 0 to 255: expected [0, 1]"),
        (0.5, "the value 0.5, 0.5 levels off the 8-bit grid"),
    ],
)
def test_values_where_a_mass_is_asked_for(made: str, method: str, value: float, words: str) -> None:
    likelihood, x = MADE[made](SHAPE), images()
    x[0, 0, 0], x[1, 2, 3, 4] = torch.tensor([0.0, 1, 0, 1, 0]), value
    assert words in message(lambda: METHODS[method](likelihood, torch.zeros(4, 6, 4, 5), x))
    fine = likelihoods.quantise(x)
    METHODS[method](likelihood, torch.zeros(4, 6, 4, 5), fine)
    METHODS[method](likelihood, torch.zeros(4, 6, 4, 5), (fine * 2 - 1).add(1).div(2))


def test_log_prob_takes_the_values_of_its_measure() -> None:
    outside, between = images() + 1, images().clamp(max=0.9) + 0.3 / 255
    outputs = torch.zeros(4, 6, 4, 5)
    for x in (outside, between):
        assert Sound(SHAPE)(outputs).log_prob(x).isfinite().all()
        assert "expected" in message(partial(Levels(SHAPE)(outputs).log_prob, x))
    bernoulli = likelihoods.create("bernoulli", SHAPE)(torch.zeros(4, 3, 4, 5))
    assert bernoulli.log_prob(between).isfinite().all()
    assert "expected [0, 1]" in message(lambda: bernoulli.log_prob(outside))


@pytest.mark.parametrize("name", likelihoods.names())
def test_all_levels_are_on_the_grid(name: str) -> None:
    likelihood = likelihoods.create(name, (1, 16, 16))
    x = torch.arange(256).view(1, 1, 16, 16)
    outputs = torch.zeros(1, likelihood.output_channels, 16, 16)
    for grid in (x / 255, x * (1 / 255), likelihoods.quantise(x.double() / 255)):
        assert likelihood.log_mass(outputs, grid).isfinite().all()


def test_batches_broadcast_as_those_of_torch_do() -> None:
    likelihood, x = likelihoods.create("gaussian", SHAPE), images()
    outputs = torch.randn(4, 3, 4, 5)
    each = torch.stack([likelihood(outputs[i : i + 1]).log_prob(x) for i in range(4)], 1)
    assert each.shape == (4, 4)
    torch.testing.assert_close(likelihood(outputs).log_prob(x[:1]), each[0])
    torch.testing.assert_close(likelihood(outputs).log_prob(x[0]), each[0])
    samples = x[:, None].expand(-1, 4, *SHAPE)
    torch.testing.assert_close(likelihood(outputs).log_prob(samples), each)
    assert likelihood.log_mass(outputs[:1], x).shape == (4,)
    assert likelihood.log_mass(outputs[:0], x[:0]).shape == (0,)


def test_wrong_answers() -> None:
    outputs, x = torch.zeros(4, 6, 4, 5), images()
    found = message(lambda: UnsummedLogProb(SHAPE)(outputs).log_prob(x))
    assert "has the shape (4, 3, 4, 5), expected (4,); sum over the image" in found
    averaged = partial(likelihoods.checked_log_mass, AveragedMass(SHAPE), outputs, x)
    assert "expected (4,); sum over the image" in message(averaged)
    assert "expected (4,)" in message(lambda: UnsummedMass(SHAPE).log_mass(outputs, x))
    found = message(lambda: WrongBatchShape(SHAPE)(outputs))
    assert "batch shape (4, 3) and event shape (4, 5), expected (4,) and (3, 4, 5)" in found

    class Mean(Sound):
        def forward(self, outputs: Tensor, target: Tensor | None = None) -> Any:
            return self.split(outputs)[0]

    assert "returned a Tensor" in message(lambda: Mean(SHAPE)(outputs))


def test_no_value_is_looked_at_on_a_device() -> None:
    """The meta device has no values: whatever looks at one fails there, and would wait on a GPU."""
    x, outputs = images().to("meta"), torch.zeros(4, 6, 4, 5, device="meta", requires_grad=True)
    for likelihood in (likelihoods.create("per_pixel_sigma", SHAPE), Sound(SHAPE)):
        with likelihoods.without_validation():
            log_prob = likelihood(outputs, x).log_prob(x)
            log_prob.sum().backward()
            assert log_prob.shape == (4,)
    sigma = likelihoods.create("per_pixel_sigma", SHAPE)
    assert sigma.log_mass(outputs, x).shape == (4,)
    assert sigma.level_cdf(outputs, x)[0].shape == x.shape
    with pytest.raises(RuntimeError, match="meta"):
        D.Laplace(outputs, outputs)  # as torch does by default


class Calibrating(Sound):
    """Of an author, with a state that is set from training images."""

    def calibrate(self, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
        pass


@pytest.mark.parametrize(
    "likelihood",
    [
        Calibrating(SHAPE),
        *(likelihoods.create(f"optimal_{n}", SHAPE) for n in ("sigma", "laplace")),
    ],
)
def test_what_calibrates_is_not_trained_without_its_target(likelihood: Likelihood) -> None:
    x = images()
    outputs = torch.randn(4, likelihood.output_channels, *SHAPE[1:], requires_grad=True)
    distribution = likelihood.train()(outputs)
    with pytest.raises(
        LikelihoodError, match=r"cannot be trained .* likelihood\(outputs, target=x\)"
    ):
        distribution.log_prob(x)
    assert distribution.sample().shape == distribution.mean.shape == x.shape
    assert likelihood(outputs, target=x).log_prob(x).requires_grad
    with torch.no_grad():
        assert likelihood(outputs).log_prob(x).isfinite().all(), "nothing is trained"
    assert likelihood.eval()(outputs).log_prob(x).requires_grad
    assert Sound(SHAPE).train()(outputs.repeat(1, 2, 1, 1)[:, :6]).log_prob(x).requires_grad


def test_validation_of_torch_is_left_as_it_was_found() -> None:
    with pytest.raises(LikelihoodError), likelihoods.without_validation():
        WrongBatchShape(SHAPE)(torch.zeros(4, 6, 4, 5))
    Sound(SHAPE)(torch.zeros(4, 6, 4, 5))
    with pytest.raises(ValueError, match="scale"):
        D.Laplace(torch.zeros(1), -torch.ones(1))


def test_validation_that_an_author_asked_for_is_kept() -> None:
    class Strict(Sound):
        def laplace(self, location: Tensor, scale: Tensor) -> Distribution:
            return D.Independent(D.Laplace(location, -scale, validate_args=True), 3)

    with likelihoods.without_validation(), pytest.raises(ValueError, match="scale"):
        Strict(SHAPE)(torch.zeros(4, 6, 4, 5))


def test_a_distribution_is_its_authors_own() -> None:
    likelihood = Sound(SHAPE)
    outputs, x = torch.randn(4, 6, 4, 5), images()
    found = likelihood(outputs)
    assert isinstance(found, Distribution)
    assert isinstance(found.base_dist, D.Laplace)  # type: ignore[attr-defined]
    assert repr(found) == repr(likelihood.forward(outputs))
    assert torch.equal(found.log_prob(x), likelihood.forward(outputs).log_prob(x))
    assert torch.equal(found.log_prob(value=x), found.log_prob(x))
    again = pickle.loads(pickle.dumps(found))
    assert torch.equal(again.log_prob(x), found.log_prob(x))
    for p, q in ((found, again), (found, likelihood.forward(outputs))):
        assert D.kl_divergence(p, q).abs().max() < 1e-6
        assert torch.equal(D.kl_divergence(p, q), D.kl_divergence(q, p))


class Everything(Distribution):
    """Answers every attribute of a distribution by its name."""

    def __init__(self) -> None:
        super().__init__(torch.Size([4]), torch.Size(SHAPE), validate_args=False)


PROPERTIES = ("support", "mean", "mode", "variance", "stddev", "has_rsample")
CALLS = ("sample", "rsample", "cdf", "icdf", "entropy", "enumerate_support", "expand")


def _answer(name: str) -> Callable[..., Any]:
    return lambda self, *arguments: (name, *arguments) if arguments else name


for _name in PROPERTIES:
    setattr(Everything, _name, property(_answer(_name)))
for _name in (*CALLS, "log_mass"):
    setattr(Everything, _name, _answer(_name))


def test_all_but_log_prob_is_that_of_the_author() -> None:
    checked: Any = CheckedDistribution(Everything(), "mine", "any", torch.device("cpu"))
    for name in PROPERTIES:
        assert getattr(checked, name) == name
    for name in (*CALLS, "log_mass"):
        assert getattr(checked, name)(1, 2) == (name, 1, 2)
    public = {name for name in vars(Distribution) if not name.startswith("_")}
    derived = {"perplexity", "sample_n", "set_default_validate_args"}
    shapes = {"batch_shape", "event_shape", "arg_constraints"}
    assert public <= {*PROPERTIES, *CALLS, "log_prob", "has_enumerate_support", *derived, *shapes}


def test_what_a_distribution_lacks_is_told_as_by_itself() -> None:
    checked: Any = Sound(SHAPE)(torch.zeros(4, 6, 4, 5))
    with pytest.raises(NotImplementedError):
        checked.cdf(images())
    with pytest.raises(AttributeError, match="missing"):
        checked.missing()


def test_a_distribution_is_freed_with_its_last_name() -> None:
    """A cycle of references would keep the tensors of many steps until the next collection."""
    outputs = torch.randn(4, 6, 4, 5, requires_grad=True)
    gc.disable()
    try:
        for likelihood in (Sound(SHAPE), likelihoods.create("per_pixel_sigma", SHAPE)):
            found = likelihood(outputs)
            alive = weakref.ref(found)
            found.log_prob(images()).sum().backward()
            del found
            assert alive() is None
    finally:
        gc.enable()


def test_methods_keep_their_names_and_words() -> None:
    assert OwnMass.log_mass.__name__ == "log_mass"
    assert "(B,)" in str(likelihoods.get("gaussian").log_mass.__doc__)


def test_a_mass_that_is_mixed_in_is_checked_too() -> None:
    class Mixin:
        def log_mass(self, outputs: Tensor, x: Tensor) -> Tensor:
            return x.flatten(1).sum(1)

    class Mixed(Mixin, Sound):
        pass

    ask = partial(likelihoods.checked_log_mass, Mixed(SHAPE), torch.zeros(4, 6, 4, 5))
    assert "torch.int64" in message(lambda: ask(images().long()))


@pytest.mark.parametrize("name", likelihoods.names())
def test_a_distribution_reads_well(name: str) -> None:
    likelihood = likelihoods.create(name, SHAPE)
    outputs = torch.zeros(2, likelihood.output_channels, 4, 5)
    distribution = likelihood(outputs)
    plain = likelihood.forward(outputs)
    if isinstance(plain, ImageDistribution):  # others are as their authors made them
        shapes = "(batch_shape=(2,), event_shape=(3, 4, 5))"
        assert repr(distribution) == type(plain).__name__ + shapes
    assert "\n" not in repr(distribution)
