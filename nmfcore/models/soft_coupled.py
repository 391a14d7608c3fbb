"""Soft motion-coupled NMF: activations that follow the motion of the sources, but need not."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Unpack

import numpy as np
from numpy.typing import ArrayLike

from nmfcore.arrays import any_kind
from nmfcore.layout import Matrices, namespace, placed
from nmfcore.models.components import SourceFactors, rows_for_each, source_labels
from nmfcore.models.options import Options, filled
from nmfcore.penalties import Coupling, UnitSum
from nmfcore.penalties.coupling import Coupled
from nmfcore.solve import nmf


@dataclass(frozen=True)
class SoftCoupledResult(SourceFactors):
    """A :class:`SourceFactors` with columns of W that sum to one.

    Attributes:
        scale: S, the scale of the motion behind each component, (…, K); 0 where none is.
    """

    scale: Any


@any_kind
def soft_coupled_nmf(
    V: ArrayLike | Sequence[ArrayLike],
    motion: ArrayLike | Sequence[ArrayLike],
    sources: ArrayLike | None = None,
    *,
    n_components: int | None = None,
    alpha: float = 10.0,
    smoothness: float = 0.3,
    **options: Unpack[Options],
) -> SoftCoupledResult:
    """Factorize a magnitude spectrogram so that each activation is close to one motion signal, up to its scale.

    min D_KL(V | WH) + α ‖H − S M‖₁ + β Σ_k Σ_n (h_kn − h_k(n−1))², columns of W of sum one, S diagonal and free: Parekh
    (thesis, 2019), eq. 3.2, whose Λ_a is in H here. All blocks have exact updates, so that the objective never rises.

    Args:
        V: magnitude spectrogram (F, N), a batch or a list; the thesis: Hamming window of 4096 at 44.1 kHz, hop 1024.
        motion: H_m (K_m, N) ≥ 0, one for all problems, or one for each in the form of V; the thesis has four rows per
            source, its bow speed where the bow leans towards that string.
        sources: the source 0…J−1 of each row of `motion`; by default each row is its own source.
        n_components: K ≥ K_m; components beyond the rows of `motion` are free and make up one more source, the last.
        alpha: α ≥ 0, how strict the coupling is, in units of V.
        smoothness: β ≥ 0.
        **options: as in :func:`nmfcore.nmf`; by default 100 iterations and 5 random starts.

    Raises:
        ValueError: naming the argument, its value and the remedy.

    >>> motion = np.array([[1.0, 2, 0, 0, 1], [0, 0, 1, 3, 1]])
    >>> V = np.array([[4.0, 0], [2, 1], [0, 5]]) @ motion
    >>> fit = soft_coupled_nmf(V, motion, smoothness=0.0, seed=0)
    >>> bool(np.abs(fit.parts()[0] - np.outer([4, 2, 0], motion[0])).max() < 0.01)
    True
    """
    given = Matrices.of(V, "V")
    pieces, coupled = rows_for_each(motion, "motion", given)
    labels = source_labels(np.arange(coupled) if sources is None else sources, "sources", coupled)
    rank = coupled if n_components is None else n_components
    if rank < coupled:
        raise ValueError(f"n_components={rank} must be at least the {coupled} rows of motion.")
    n_sources = int(labels.max()) + 1 + (rank > coupled)
    labels = np.pad(labels, (0, rank - coupled), constant_values=n_sources - 1)
    fit = nmf(
        V,
        rank,
        beta=1.0,
        penalties=[UnitSum(), Coupling(pieces, alpha, smoothness)],
        **filled(options, n_iter=100, n_restarts=5),
    )
    pack, scales = given.form.pack, []
    activations = given.form.unpack(fit.H, "H", len(pieces))
    for h, (_, coupling) in zip(activations, fit.penalties, strict=True):
        assert isinstance(coupling, Coupled)
        scales.append(coupling.scale(placed(h, namespace(coupling.target)))[:, 0])
    everywhere = pack([labels] * len(pieces))
    return SoftCoupledResult(fit.W, fit.H, everywhere, n_sources, fit.objective, fit.n_iter, pack(scales))
