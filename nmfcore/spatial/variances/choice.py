"""Variance models by name."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from nmfcore.models.dictionary import Dictionary
from nmfcore.spatial.variances.base import FLOOR, Array, Sparsity, VarianceModel
from nmfcore.spatial.variances.denoising import Denoising
from nmfcore.spatial.variances.free import Free
from nmfcore.spatial.variances.joint import Joint
from nmfcore.spatial.variances.likelihood_nmf import LikelihoodNMF
from nmfcore.spatial.variances.separation import Separation
from nmfcore.spatial.variances.source_nmf import SourceNMF

MODELS = ("joint", "separation", "denoising", "nmf", "free")


@dataclass(frozen=True)
class Choice:
    """A variance model by its name, and what it is made from, as :func:`nmfcore.spatial.fit` describes it."""

    name: str
    update: str
    n_start: int | None
    bins: int
    dictionary: Dictionary | None
    free: Mapping[str, int]
    sources: tuple[str, ...] | None
    sparsity: Sparsity
    n_components: int
    smoothing: float
    n_inner: int
    backend: str

    def __post_init__(self) -> None:
        if self.name not in MODELS:
            raise ValueError(f"variance_model={self.name!r} is not known; use one of {MODELS}.")
        if not 0 <= self.smoothing <= 1:
            raise ValueError(f"smoothing={self.smoothing!r} must lie in 0…1.")
        if self.dictionary is not None and len(self.dictionary.W) != self.bins:
            raise ValueError(
                f"X has {self.bins} bins, but the dictionary's patterns have {len(self.dictionary.W)}; "
                "use the same frame length for both."
            )
        for name, count in self.free.items():
            least = 0 if self.dictionary is not None and name in self.dictionary.blocks else 1
            if not isinstance(count, (int, np.integer)) or count < least:
                raise ValueError(
                    f"free={self.free!r}: {name!r} needs a whole number of patterns, ≥ 1 for a new source."
                )

    def model(self, rng: np.random.Generator) -> VarianceModel:
        """The variance model."""
        return self._untrained(rng) if self.name in ("nmf", "free") else self._trained(rng)

    def told_apart(self, v: Array, power: Array, rng: np.random.Generator) -> Array | None:
        """Variances by the spectra alone, all channels together, which tell trained sources apart; None without any.

        Args:
            v: the model's own initial variances (J, B, F, N), which may do so already.
            power: of the mixtures, (B, F, N).
            rng: for a start of their own.
        """
        if self.dictionary is None or self.name in ("nmf", "free"):
            return None
        if (self.name == "joint" and self.n_start is None) or self.n_start:
            return v
        apart = replace(self, name="separation", n_start=30, sparsity=Sparsity())
        return np.maximum(apart.model(rng).start(power), FLOOR)

    def _trained(self, rng: np.random.Generator) -> VarianceModel:
        dictionary, free, n_start = self.dictionary, self.free, self.n_start
        if dictionary is None:
            if self.name != "joint":
                raise ValueError(
                    f"variance_model={self.name!r} needs a dictionary; see nmfcore.models.learn_dictionary."
                )
            free = free or dict.fromkeys(self._names(), self.n_components)
            dictionary = Dictionary(np.zeros((self.bins, 0)), (), {})
        if self.name == "denoising":
            if n_start is not None and n_start > 0:
                raise ValueError("n_start needs variance_model='joint' or 'separation', not 'denoising'.")
            return Denoising(dictionary, free, self.sparsity, self.smoothing, self.n_inner, rng, self.backend)
        kind = Joint if self.name == "joint" else Separation
        if n_start is None:
            n_start = 30 if self.name == "joint" and self.dictionary is not None else 0
        return kind(dictionary, free, self.sparsity, self.smoothing, n_start, self.n_inner, rng, self.backend)

    def _untrained(self, rng: np.random.Generator) -> VarianceModel:
        if self.n_start or self.smoothing > 0 or self.free:
            raise ValueError(f"n_start, smoothing and free patterns need another variance_model than {self.name!r}.")
        if self.name == "nmf":
            kind = LikelihoodNMF if self.update == "mm" else SourceNMF
            return kind(self._names(), self.n_components, self.sparsity, self.n_inner, rng, self.backend)
        if self.sparsity.lam > 0:
            raise ValueError(f"lam={self.sparsity.lam!r} needs patterns, which variance_model='free' has not.")
        return Free(self._names(), rng)

    def _names(self) -> tuple[str, ...]:
        names = self.sources or (self.dictionary.sources if self.dictionary is not None else None)
        if not names:
            raise ValueError(
                f"variance_model={self.name!r} needs the names of the sources, such as sources=('a', 'b')."
            )
        return tuple(names)
