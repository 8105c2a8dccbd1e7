"""Measures of the posterior means: units in use, and classes that a linear classifier finds."""

from torch import Tensor

ACTIVE_VARIANCE = 0.01  # least variance of the posterior means of an active unit (Burda et al.)


def active_units(mean: Tensor) -> int:
    """Return how many of L units have a posterior mean, in (N, L), that depends on the image.

    These are the units u with Var_x E_q(u|x)[u] > 0.01, the variance over the N images (divisor N).
    Source: Burda, Grosse & Salakhutdinov 2016, "Importance Weighted Autoencoders", section 5.2,
    arXiv:1509.00519.

    Raises:
        ValueError: not (N, L) with N > 0, or a value is not finite.

    Example:
        >>> import torch
        >>> from bench.metrics.latents import active_units
        >>> active_units(torch.tensor([[0.0, 0.7], [1.0, 0.7]]))  # the second is constant
        1
    """
    _check(mean)
    return int((mean.double().var(dim=0, correction=0) > ACTIVE_VARIANCE).sum())


def probe_accuracy(
    latents: Tensor, labels: Tensor, test_latents: Tensor, test_labels: Tensor
) -> float:
    """Return the share of test items that a linear classifier of the latents classifies correctly.

    Multinomial logistic regression of scikit-learn on latents standardised by the mean and standard
    deviation of the training latents: L2 penalty with C = 1, L-BFGS, at most 1000 iterations.
    Nothing in it is random. Source: Alain & Bengio 2017, "Understanding intermediate layers using
    linear classifier probes", arXiv:1610.01644.

    It is fitted on latents (N, L) of the classes int64 (N,), and scored on others, (M, L) and (M,).

    Raises:
        ValueError: shapes do not fit, a value is not finite, or there are not two classes to fit.

    Example:
        >>> import torch
        >>> from bench.metrics.latents import probe_accuracy
        >>> latents, labels = torch.tensor([[-2.0], [-1], [1], [2]]), torch.tensor([0, 0, 1, 1])
        >>> probe_accuracy(latents, labels, torch.tensor([[-3.0], [3]]), torch.tensor([0, 0]))
        0.5
    """
    # Only this needs scikit-learn, which takes a second to import.
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415

    for items, classes in ((latents, labels), (test_latents, test_labels)):
        _check(items)
        if classes.shape != (len(items),):
            raise ValueError(f"{len(items)} latents do not fit labels {tuple(classes.shape)}")
    if len(labels.unique()) < 2:
        raise ValueError("a classifier needs labels of two classes or more")
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=1000))
    classifier.fit(latents.double().cpu().numpy(), labels.cpu().numpy())
    return float(classifier.score(test_latents.double().cpu().numpy(), test_labels.cpu().numpy()))


def _check(latents: Tensor) -> None:
    if latents.ndim != 2 or len(latents) == 0:
        raise ValueError(f"latents must be (N, L) with N > 0, not {tuple(latents.shape)}")
    if not bool(latents.isfinite().all()):
        raise ValueError("latents must be finite")
