"""Simple figures of merit that need no outside package; the full museval scores are avfront's and the benchmarks'."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmfcore.arrays import any_kind


@any_kind
def sdr(reference: ArrayLike, estimate: ArrayLike) -> NDArray[Any]:
    """Signal-to-distortion ratio 10 log₁₀(‖s‖² / ‖s − ŝ‖²) in dB over the last axis, without any allowed filter.

    Not BSS Eval's SDR, which forgives a short filter.

    >>> float(sdr([1.0, 0.0], [1.0, 0.1]).round(6))
    20.0
    """
    s, e = np.asarray(reference, np.float64), np.asarray(estimate, np.float64)
    with np.errstate(divide="ignore"):
        return np.asarray(10 * np.log10((s**2).sum(-1) / ((s - e) ** 2).sum(-1)))


@any_kind
def si_sdr(reference: ArrayLike, estimate: ArrayLike) -> NDArray[Any]:
    """Scale-invariant signal-to-distortion ratio in dB over the last axis (Le Roux et al., ICASSP 2019).

    >>> float(si_sdr([1.0, 1.0], [2.0, 2.2]).round(2))
    26.44
    """
    s, e = np.asarray(reference, np.float64), np.asarray(estimate, np.float64)
    gain = (s * e).sum(-1, keepdims=True) / (s**2).sum(-1, keepdims=True)
    return sdr(gain * s, e)
