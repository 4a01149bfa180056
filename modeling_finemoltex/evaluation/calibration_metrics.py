"""How far probabilities can be taken at their word: Brier score and expected calibration error."""

import numpy as np

NUM_BINS = 10  # of equal width, as in most published figures


def brier_score(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Give the mean squared distance of probabilities from what came true: 0 at best, 0.25 for always one half.

    It rewards both good ranking and honest probabilities, so compare it on the same labels only.

    Args:
        probabilities (`np.ndarray` of shape `(R,)`): Of the label 1.
        labels (`np.ndarray` of shape `(R,)`): 0 or 1, none missing.

    Raises:
        ValueError: If there are none, or not as many of both, or something else than probabilities and labels.

    Example:
    >>> brier_score(np.array([0.5, 1.0]), np.array([1, 1]))
    0.125
    """
    probabilities, labels = _check(probabilities, labels)
    return float(np.square(probabilities - labels).mean())


def expected_calibration_error(probabilities: np.ndarray, labels: np.ndarray, num_bins: int = NUM_BINS) -> float:
    """Give how far probabilities are from frequencies, on average: molecules at 0.7 should be positive in 70 %.

    The molecules are put into bins by their probability. In each bin the mean probability is compared with the share
    of positives, and the distances are weighed by the molecules of the bin. Few molecules make it larger by chance:
    200 molecules spread over 10 bins reach about 0.07 with perfect probabilities.

    Args:
        probabilities (`np.ndarray` of shape `(R,)`): Of the label 1.
        labels (`np.ndarray` of shape `(R,)`): 0 or 1, none missing.
        num_bins (`int`): Bins of equal width.

    Raises:
        ValueError: If there are none, or not as many of both, or something else than probabilities and labels.

    Example:
    >>> expected_calibration_error(np.array([0.25, 0.25, 0.25, 0.25]), np.array([0, 0, 0, 1]))
    0.0
    """
    probabilities, labels = _check(probabilities, labels)
    if num_bins < 1:
        raise ValueError(f"`num_bins` must be 1 or more: got {num_bins}.")
    bins = np.minimum((probabilities * num_bins).astype(int), num_bins - 1)  # (R,)
    # Weighed by the molecules of a bin, the distance of two means is that of two sums.
    gaps = np.bincount(bins, weights=probabilities - labels, minlength=num_bins)  # (num_bins,)
    return float(np.abs(gaps).sum() / len(labels))


def _check(probabilities: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Read both as float64, `(R,)` each."""
    probabilities, labels = np.asarray(probabilities, float), np.asarray(labels, float)
    if probabilities.ndim != 1 or probabilities.shape != labels.shape or not len(labels):
        raise ValueError(
            f"Give as many probabilities as labels, and at least one: got the shapes {probabilities.shape} and "
            f"{labels.shape}."
        )
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise ValueError(f"Probabilities are from 0 to 1: got {probabilities.min()} to {probabilities.max()}.")
    if not np.isin(labels, (0, 1)).all():
        raise ValueError("Labels are 0 or 1. Leave out the molecules whose label is missing.")
    return probabilities, labels
