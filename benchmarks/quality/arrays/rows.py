"""The rows of the table: what separates a recording by an array of so many microphones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from benchmarks.quality import ours, peers
from benchmarks.quality.mixtures import Mixture

from .conditions import ARRAYS

Array = NDArray[Any]


def ours_at(geometry: bool = True, **options: Any) -> Callable[[Mixture, int], Array]:
    """The spatial method with these settings; where the microphones of a recorded array are, nobody tells."""

    def run(mixture: Mixture, channels: int) -> Array:
        known = geometry and not mixture.facts.get("recorded")
        return ours.product(mixture, ARRAYS[channels] if known else None, **options)

    return run


MINE, PLACELESS = "nmfcore default", "geometry unknown"
ROWS: dict[str, Callable[[Mixture, int], Array]] = {
    MINE: ours_at(),
    "one fit": ours_at(fits=1),
    PLACELESS: ours_at(geometry=False),
    "jointly diagonal": ours_at(covariance="diagonal"),
    "GSSM + SV separation": ours_at(variance_model="separation"),
    "GSSM + SV denoising": ours_at(variance_model="denoising"),
    "NMF baseline": ours_at(variance_model="nmf"),
    "FastMNMF2, 2048": lambda m, channels: peers.fastmnmf2(
        m.mix, 2048, 2, n_iter=100 if channels <= 4 else FEWER, n_src=len(m.images)
    ),
    "ILRMA": lambda m, _: peers.ilrma(m.mix),
    "AuxIVA": lambda m, _: peers.auxiva(m.mix),
    "GaussMNMF": lambda m, _: peers.gaussmnmf(m.mix, n_src=len(m.images)),
    "mixture": lambda m, _: peers.mixture(m.mix, len(m.images)),
    "oracle Wiener filter": lambda m, _: peers.oracle(m.images),
}
BLIND = ("NMF baseline", "FastMNMF2, 2048", "ILRMA", "AuxIVA", "GaussMNMF")
DETERMINED = ("ILRMA", "AuxIVA")  # as many outputs as microphones, and never fewer microphones than sources
SLOW = ("GaussMNMF",)  # a minute for a recording of two channels: measured with --only
FEWER = 30  # iterations of FastMNMF2 for eight channels, for the same reason (and its own default)
LEVEL = ("mixture", "oracle Wiener filter")


def possible(row: str, mixture: Mixture) -> bool:
    """Whether the row makes sense for the mixture: enough microphones, or their places known at all."""
    if row == PLACELESS:
        return not mixture.facts["recorded"]
    return row not in DETERMINED or len(mixture.mix) >= len(mixture.images)
