"""Group sparsity: of many trained patterns, let a mixture use only the examples or components that fit it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfcore.layout import Ending, host, namespace

KINDS = ("block", "component", "mixed")
Rows = tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]


@dataclass(frozen=True)
class GroupSparsity:
    r"""Logarithmic group sparsity of the activations of a generic spectral model, plain, mixed or relative.

    Ψ(H) = Σ_j λ_j [ μ Σ_p log(ε + ‖H_(j,p)‖₁) + (1 − μ) Σ_k log(ε + ‖h_(j,k)‖₁) − γ_j G_j log‖H_(j)‖₁ ]

    over the sources j, their blocks p (the rows of one training example) and components k (single rows).

    * ``kind="block"``: μ = 1; whole examples that do not fit the mixture vanish.
    * ``kind="component"``: μ = 0; single patterns vanish.
    * ``kind="mixed"``: both, μ = `mix`.

    Relative sparsity (γ_j > 0) keeps a source from vanishing as a whole. G_j is the number of groups of source j.
    All logarithms are of sums of H, so that scaling V changes nothing.

    Sources: El Badawy, Duong and Ozerov, "On-the-fly audio source separation", TASLP 2017, eqs. 12–14 (block,
    component, relative); Duong et al., "GSSM and full-rank spatial covariance", eq. 25 (mixed).

    Monotone with the MM exponent for β ≤ 1; the sources use β = 0, whose exponent is ½.

    Args:
        groups: for each source, the row slices of H that its training examples occupy.
        lam: λ_j ≥ 0, one number or one per source.
        gamma: γ_j ≥ 0, one number or one per source; or ``"1/G"`` for γ_j = 1/G_j. 0 is plain group sparsity.
        kind: which groups.
        mix: weight μ of the blocks, 0…1; used by ``kind="mixed"`` alone.
        eps: ε > 0, far below the activations of a used row.

    >>> two = GroupSparsity([[slice(0, 2)], [slice(2, 4)]], lam=1.0)
    >>> round(two.value(np.ones((4, 10))), 4)  # four rows that sum to 10 each
    9.2103
    >>> GroupSparsity([[slice(0, 2)]], lam=1.0, kind="rows")
    Traceback (most recent call last):
    ...
    ValueError: kind='rows' is not known; use one of ('block', 'component', 'mixed').
    """

    groups: Sequence[Sequence[slice]]
    lam: float | Sequence[float]
    gamma: float | Sequence[float] | str = 0.0
    kind: str = "component"
    mix: float = 0.2
    eps: float = 1e-12
    factor: str = field(default="H", init=False)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind={self.kind!r} is not known; use one of {KINDS}.")
        if not 0 <= self.mix <= 1:
            raise ValueError(f"mix={self.mix} must lie in 0…1.")
        if self.eps <= 0:
            raise ValueError(f"eps={self.eps} must be positive.")
        if not self.groups or any(not blocks for blocks in self.groups):
            raise ValueError("groups must name at least one row slice for every source.")
        for name in ("lam", "gamma"):
            value = getattr(self, name)
            if isinstance(value, str):
                continue
            each = self._per_source(value, name)
            if not (np.isfinite(each) & (each >= 0)).all():
                raise ValueError(f"{name}={value} must be finite and nonnegative.")
        rows = np.sort(self._members[0])
        if (rows[1:] == rows[:-1]).any():
            raise ValueError(f"groups overlap: row {rows[1:][rows[1:] == rows[:-1]][0]} is in more than one.")
        if isinstance(self.gamma, str) and self.gamma != "1/G":
            raise ValueError(f"gamma={self.gamma!r} must be a number, one per source, or '1/G'.")

    def _per_source(self, value: Any, name: str) -> NDArray[np.float64]:
        out = np.asarray(value, np.float64)
        if out.ndim > 1 or out.size not in (1, len(self.groups)):
            raise ValueError(f"{name} must be one number or one for each of the {len(self.groups)} sources.")
        return np.broadcast_to(out, (len(self.groups),))

    @cached_property
    def _members(self) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
        """The penalised rows, and the block and the source that each belongs to."""
        rows, block_of, source_of = [], [], []
        block = 0
        for source, blocks in enumerate(self.groups):
            for piece in blocks:
                index = np.arange(piece.start or 0, piece.stop)
                rows.append(index)
                block_of.append(np.full(len(index), block))
                source_of.append(np.full(len(index), source))
                block += 1
        return np.concatenate(rows), np.concatenate(block_of), np.concatenate(source_of)

    @cached_property
    def _weights(self) -> tuple[NDArray[np.float64], float, NDArray[np.float64]]:
        """λ_j, the blocks' weight μ, and λ_j γ_j G_j."""
        _, _, source_of = self._members
        share = {"block": 1.0, "component": 0.0, "mixed": self.mix}[self.kind]
        blocks = np.array([len(blocks) for blocks in self.groups], float)
        rows = np.bincount(source_of, minlength=len(self.groups)).astype(float)
        count = share * blocks + (1 - share) * rows
        lam = self._per_source(self.lam, "lam")
        gamma = 1 / count if isinstance(self.gamma, str) else self._per_source(self.gamma, "gamma")
        return lam, share, lam * gamma * count

    def _laid(self, rank: int) -> Rows:
        """Of each of `rank` rows its block and source, −1 for none; the weights λμ of blocks, λ(1 − μ) of rows, λγG."""
        kept: dict[int, Rows] = self.__dict__.setdefault("_rows", {})
        if rank not in kept:
            rows, block_of, source_of = self._members
            lam, share, relative = self._weights
            if rows.max() >= rank:
                raise ValueError(f"groups name row {rows.max()}, but there are only {rank} components.")
            block, source, of_row = np.full(rank, -1), np.full(rank, -1), np.zeros(rank)
            block[rows], source[rows], of_row[rows] = block_of, source_of, (1 - share) * lam[source_of]
            of_block = share * lam[source_of[np.unique(block_of, return_index=True)[1]]]
            kept[rank] = block, source, of_block, of_row, relative
        return kept[rank]

    def _maps(self, rank: int, xp: Any) -> tuple[NDArray[Any], ...]:
        """By `xp`: which rows belong to each block (P, K) and source (J, K); the weights of blocks, rows, sources."""
        kept: dict[Any, tuple[NDArray[Any], ...]] = self.__dict__.setdefault("_kept", {})
        if (xp, rank) not in kept:
            block, source, of_block, of_row, relative = self._laid(rank)
            blocks = (block == np.arange(len(of_block))[:, None]).astype(np.float64)
            sources = (source == np.arange(len(relative))[:, None]).astype(np.float64)
            kept[xp, rank] = tuple(xp.asarray(one) for one in (blocks, sources, of_block, of_row, relative))
        return kept[xp, rank]

    def split(self, H: NDArray[Any]) -> tuple[NDArray[Any] | None, NDArray[Any]]:
        """(neg, pos), each (K, 1): the sources' Q (or None where not relative) and P."""
        blocks, sources, of_block, of_row, relative = self._maps(H.shape[0], namespace(H))
        row = H.sum(1, dtype=np.float64)
        pos = blocks.T @ (of_block / (self.eps + blocks @ row)) + of_row / (self.eps + row)
        if not self._weights[2].any():
            return None, pos.astype(H.dtype)[:, None]
        neg = sources.T @ (relative / np.maximum(sources @ row, self.eps))
        return neg.astype(H.dtype)[:, None], pos.astype(H.dtype)[:, None]

    def ending(self, rank: int, beta: float, exponent: float) -> Ending | None:
        return Ending("group sparsity", groups=(*self._laid(rank), self.eps))

    def value(self, H: NDArray[Any]) -> float:
        return float(self.values(H[None])[0])

    def values(self, H: NDArray[Any]) -> NDArray[np.float64]:
        blocks, sources, of_block, of_row, relative = self._maps(H.shape[1], np)
        row = host(H.sum(2, dtype=np.float64))  # (B, K)
        total = np.log(self.eps + row @ blocks.T) @ of_block + np.log(self.eps + row) @ of_row
        out: NDArray[np.float64] = total - np.log(np.maximum(row @ sources.T, self.eps)) @ relative
        return out
