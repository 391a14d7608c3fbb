"""Samples of the local Gaussian model, with what they were drawn from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmfcore import spatial
from nmfcore.models import Dictionary

Array = NDArray[Any]


@dataclass(frozen=True)
class Scene:
    """Samples of the model and what they were drawn from."""

    images: Array  # (J, I, F, N)
    v: Array
    R: Array
    dictionary: Dictionary

    @property
    def X(self) -> Array:
        return np.asarray(self.images.sum(0))

    @property
    def blurred(self) -> Array:
        """A start that knows something of R, but not all."""
        return (self.R + np.eye(self.R.shape[-1])) / 2

    def options(self, variance_model: str) -> dict[str, Any]:
        if variance_model in ("free", "nmf"):
            return {"variance_model": variance_model, "sources": self.dictionary.sources, "n_components": 2}
        return {"variance_model": variance_model, "dictionary": self.dictionary}

    def log_likelihood(self, v: Array, R: Array) -> float:
        """Of the mixture, point by point as the formula stands."""
        cov = np.einsum("jfn,jfab->fnab", v, R)
        x = np.moveaxis(self.X, 0, -1)[..., None]
        terms = (x.conj().swapaxes(-1, -2) @ np.linalg.solve(cov, x)).real[..., 0, 0]
        return float(-(terms + np.linalg.slogdet(np.pi * cov)[1]).sum())

    def sdr(self, estimates: Array) -> float:
        """Of all images together, dB."""
        return float(10 * np.log10(np.sum(np.abs(self.images) ** 2) / np.sum(np.abs(self.images - estimates) ** 2)))


@pytest.fixture
def scene() -> Callable[..., Scene]:
    """Makes two sources of two patterns each, which are the dictionary."""

    def make(channels: int = 2, bins: int = 6, frames: int = 60, dtype: type = np.complex128, seed: int = 0) -> Scene:
        rng = np.random.default_rng(seed)

        def normal(*shape: int) -> Array:
            return np.asarray((rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) * np.sqrt(0.5))

        W = rng.gamma(0.3, size=(bins, 4)) + 1e-3
        W /= W.sum(0)
        H = rng.gamma(0.3, size=(4, frames)) + 1e-4
        v = np.stack([W[:, :2] @ H[:2], W[:, 2:] @ H[2:]])
        A = normal(2, bins, channels, channels)
        R = spatial.regularized(A @ np.conj(np.swapaxes(A, -1, -2)) + 0.05 * np.eye(channels))
        images = np.einsum("jfab,jfnb->jafn", np.linalg.cholesky(R), normal(2, bins, frames, channels))
        dictionary = Dictionary(W, ("a", "b"), {"a": (slice(0, 2),), "b": (slice(2, 4),)})
        return Scene((images * np.sqrt(v)[:, None]).astype(dtype), v, R, dictionary)

    return make
