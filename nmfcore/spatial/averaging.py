"""The empirical covariance of a mixture, averaged over neighbouring bins and frames."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def local_covariance(X: Array, size: tuple[int, int]) -> Array:
    """Ψ̂(f, n) as I² real planes (I², F, N): diagonal entries, and real and imaginary parts above the diagonal.

    x xᴴ averaged with a 2-D Hann window whose squared weights sum to one (Duong et al., P2, eq. 7); at the edges
    the window is cut and rescaled.

    Args:
        X: mixture (I, F, N).
        size: odd numbers of bins and frames under the window.

    >>> X = np.ones((1, 4, 6), complex)
    >>> bool(np.allclose(local_covariance(X, (3, 5)), 1))
    True
    """
    if any(n < 1 or n % 2 == 0 for n in size):
        raise ValueError(f"averaging={size} must be two odd numbers ≥ 1.")
    channels = len(X)
    planes = []
    for a in range(channels):
        planes.append(np.abs(X[a]) ** 2)
        for b in range(a + 1, channels):
            cross = X[a] * X[b].conj()
            planes += [cross.real, cross.imag]
    stack = np.stack(planes)
    for axis, count in ((1, size[0]), (2, size[1])):
        stack = _average(stack, axis, count)
    return np.ascontiguousarray(stack)


def _average(planes: Array, axis: int, count: int) -> Array:
    """Weighted mean along an axis with squared Hann weights."""
    if count == 1:
        return planes
    reach = count // 2
    weights = (0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(count) + 1) / (count + 1))) ** 2
    planes = np.moveaxis(planes, axis, -1)
    total, norm = np.zeros_like(planes), np.zeros(planes.shape[-1])
    length = planes.shape[-1]
    for shift, weight in zip(range(-reach, reach + 1), weights, strict=True):
        here = slice(max(0, -shift), min(length, length - shift))
        there = slice(max(0, shift), min(length, length + shift))
        total[..., here] += planes.dtype.type(weight) * planes[..., there]
        norm[here] += weight
    return np.moveaxis(total / norm.astype(planes.dtype), -1, axis)
