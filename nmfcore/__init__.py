"""Nonnegative factorization of many matrices at once, and full-rank spatial models of sound.

Arrays in, arrays out. Start with :func:`nmfcore.nmf` (any β-divergence, batched and ragged), the papers' models in
:mod:`nmfcore.models`, and the local Gaussian model of multichannel recordings in :mod:`nmfcore.spatial`.
"""

from typing import TYPE_CHECKING

__version__ = "0.1.0"

# Names are looked up on first use, so that importing the package costs nothing but NumPy.
_HOME = {
    "Result": "nmfcore.solve",
    "nmf": "nmfcore.solve",
    "stft": "nmfcore.transform",
    "istft": "nmfcore.transform",
    "info": "nmfcore._info",
    "NMF": "nmfcore.estimators",
    "MiniBatchNMF": "nmfcore.estimators",
    "non_negative_factorization": "nmfcore.estimators",
}
_SUBMODULES = ("backends", "masks", "metrics", "models", "penalties", "spatial")

# The estimators are not here, so that `from nmfcore import *` does not need scikit-learn.
__all__ = ["Result", "info", "istft", "nmf", "stft", *_SUBMODULES]

if TYPE_CHECKING:
    from nmfcore import backends, masks, metrics, models, penalties, spatial
    from nmfcore._info import info
    from nmfcore.estimators import NMF as NMF
    from nmfcore.estimators import MiniBatchNMF as MiniBatchNMF
    from nmfcore.estimators import non_negative_factorization as non_negative_factorization
    from nmfcore.solve import Result, nmf
    from nmfcore.transform import istft, stft
else:  # type checkers know the names above, and no others

    def __getattr__(name):
        from importlib import import_module

        if name in _HOME:
            return getattr(import_module(_HOME[name]), name)
        if name in _SUBMODULES:
            return import_module(f"nmfcore.{name}")
        raise AttributeError(f"module 'nmfcore' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_HOME})
