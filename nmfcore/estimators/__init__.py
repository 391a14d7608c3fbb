"""Estimators with the interface of scikit-learn: `NMF`, `MiniBatchNMF` and `non_negative_factorization`.

Parameters, attributes, warnings and errors are those of `sklearn.decomposition`; the factorization is
:func:`nmfcore.nmf`. They need scikit-learn, which checks arguments and data: ``pip install 'nmfcore[sklearn]'``.
"""

try:
    import sklearn
except ImportError as error:
    raise ImportError(
        "nmfcore.NMF, MiniBatchNMF and non_negative_factorization need scikit-learn; install it with: "
        "pip install 'nmfcore[sklearn]'"
    ) from error

from nmfcore.estimators.full import NMF, non_negative_factorization
from nmfcore.estimators.minibatch import MiniBatchNMF

__all__ = ["NMF", "MiniBatchNMF", "non_negative_factorization"]
