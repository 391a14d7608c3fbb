"""The rows of the table: the paper's and ours, the peers, and both ends of the scale."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from benchmarks.quality import ours, peers, rooms
from benchmarks.quality.mixtures import Mixture

Array = NDArray[Any]
Row = Callable[[Mixture, int], Array]  # of a mixture and a seed
DEFAULT = "nmfcore default"

SEEDED: dict[str, Row] = {
    DEFAULT: lambda m, seed: ours.product(m, rooms.microphones(), seed=seed),
    "nmfcore, one fit": lambda m, seed: ours.product(m, rooms.microphones(), seed=seed, fits=1),
    "nmfcore, places unknown": lambda m, seed: ours.product(m, None, seed=seed),
    "GSSM + SV separation": lambda m, seed: ours.separate(m, ours.SEPARATION, seed),
    "GSSM + SV separation, no sparsity": lambda m, seed: ours.separate(m, ours.NO_SPARSITY, seed),
    "GSSM + SV separation, joint dictionary": lambda m, seed: ours.separate(m, ours.JOINT_DICTIONARY, seed),
    "GSSM + SV denoising": lambda m, seed: ours.separate(m, ours.DENOISING, seed),
    "NMF baseline (Arberet)": lambda m, seed: ours.separate(m, ours.NMF_BASELINE, seed),
}
BLIND: dict[str, Row] = {
    "FastMNMF2": lambda m, seed: peers.fastmnmf2(m.mix, seed=seed),
    "FastMNMF2, 2048": lambda m, seed: peers.fastmnmf2(m.mix, 2048, 2, seed=seed),
    "ILRMA": lambda m, seed: peers.ilrma(m.mix, seed=seed),
    "AuxIVA": lambda m, seed: peers.auxiva(m.mix),
    "ssspy GaussMNMF": lambda m, seed: peers.gaussmnmf(m.mix, seed=seed),
}
ENDS: dict[str, Row] = {
    "mixture": lambda m, seed: peers.mixture(m.mix),
    "oracle Wiener filter": lambda m, seed: peers.oracle(m.images),
}
