"""What posterior means are worth: units in use, and classes that a linear map reads off them."""

from __future__ import annotations

from torch import Tensor

ACTIVE_VARIANCE = 0.01
"""A unit whose posterior mean varies more than this is active (Burda et al. 2016)."""
INVERSE_PENALTY = 1.0
"""C of the logistic regression, on standardised codes."""
ITERATIONS = 1000
"""At most so many of its optimiser (L-BFGS)."""


def active_units(mean: Tensor) -> int:
    """Number of units whose posterior mean depends on the image: Var_x E_q(u|x)[u] > 0.01.

    The variance is that of the N images (divisor N). Source: Burda, Grosse & Salakhutdinov 2016,
    "Importance Weighted Autoencoders", section 5.2.

    Args:
        mean: (N, L) posterior means.

    Raises:
        ValueError: not (N, L) with N > 0, or a value is not finite.
    """
    _check(mean)
    return int((mean.double().var(dim=0, correction=0) > ACTIVE_VARIANCE).sum())


def probe_accuracy(codes: Tensor, labels: Tensor, test_codes: Tensor, test_labels: Tensor) -> float:
    """Share of test items whose class a linear classifier tells from the code.

    Multinomial logistic regression of scikit-learn on codes standardised by the mean and standard
    deviation of the training codes: L2 penalty with C = 1, L-BFGS, at most 1000 iterations.
    Nothing in it is random. Source: Alain & Bengio 2017, "Understanding intermediate layers using
    linear classifier probes".

    Args:
        codes: (N, L), to fit on.
        labels: int64 (N,), of them.
        test_codes: (M, L), to score on.
        test_labels: int64 (M,), of them.

    Raises:
        ValueError: shapes do not fit, a value is not finite, or there are not two classes to fit.
    """
    # Only this needs scikit-learn, which takes a second to import.
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415

    for each, classes in ((codes, labels), (test_codes, test_labels)):
        _check(each)
        if classes.shape != (len(each),):
            raise ValueError(f"{len(each)} codes do not fit labels {tuple(classes.shape)}")
    if len(labels.unique()) < 2:
        raise ValueError("a classifier needs labels of two classes or more")
    classifier = make_pipeline(
        StandardScaler(), LogisticRegression(C=INVERSE_PENALTY, max_iter=ITERATIONS)
    )
    classifier.fit(codes.double().cpu().numpy(), labels.cpu().numpy())
    return float(classifier.score(test_codes.double().cpu().numpy(), test_labels.cpu().numpy()))


def _check(codes: Tensor) -> None:
    if codes.ndim != 2 or len(codes) == 0:
        raise ValueError(f"codes must be (N, L) with N > 0, not {tuple(codes.shape)}")
    if not bool(codes.isfinite().all()):
        raise ValueError("codes must be finite")
