"""What both estimators share: checks of data and starting factors, array kinds, the scale of the penalties.

scikit-learn's X (n_samples, n_features) ≈ W H is the transpose of nmfcore's problem, V = Xᵀ ≈ Hᵀ Wᵀ: the solver's H is
then Wᵀ and goes first, as in scikit-learn.
"""

import warnings
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_array, check_random_state
from sklearn.utils.extmath import randomized_svd
from sklearn.utils.validation import check_is_fitted, check_non_negative, validate_data

from nmfcore.arrays import Kind, host, on_gpu, unwrap, wrap
from nmfcore.divergence import as_beta
from nmfcore.init import initial_factors

Array = NDArray[Any]
FLOATS = [np.float64, np.float32]


class Factorizer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """The base of NMF and MiniBatchNMF."""

    # Set by the estimators' own constructors, as scikit-learn wants it.
    n_components: int | str | None
    init: str | None
    beta_loss: float | str
    alpha_W: float
    alpha_H: float | str
    l1_ratio: float
    random_state: Any
    components_: Any
    n_features_in_: int
    batched: bool = False

    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Learn the components of X; `params` are those of `fit_transform`."""
        self.fit_transform(X, **params)
        return self

    def inverse_transform(self, X: Any) -> Any:
        """X (n_samples, n_components) back in the space of the features: X @ components_, in the kind of X."""
        check_is_fitted(self)
        if self.batched and isinstance(X, list):
            return [_product(x, h) for x, h in zip(X, self.components_, strict=True)]
        return _product(X, self.components_)

    @property
    def _n_features_out(self) -> int:
        return int(self.components_.shape[-2])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _checked(self, X: Any, reset: bool, missing: bool = False) -> tuple[Any, Kind | None]:
        """X as a float array or CSR/CSC matrix, nonnegative; and the kind in which to answer."""
        X, kind = unwrap(X)
        if on_gpu(X):  # nmf itself looks at the values there
            if X.ndim != 2 or (not reset and X.shape[1] != self.n_features_in_):
                raise ValueError(f"X has shape {X.shape}, but {type(self).__name__} needs (n_samples, n_features).")
            if reset:
                self.n_features_in_ = int(X.shape[1])
            return X, kind
        finite: Any = "allow-nan" if missing else True
        X = validate_data(self, X, accept_sparse=("csr", "csc"), dtype=FLOATS, reset=reset, ensure_all_finite=finite)
        check_non_negative(X, f"{type(self).__name__} (input X)")
        return X, kind

    def _rank(self, X: Any) -> int | str:
        self._beta_loss = as_beta(self.beta_loss)
        self._n_components = X.shape[-1] if self.n_components is None else self.n_components
        return self._n_components

    def _check_zeros(self, X: Any) -> None:
        if self._beta_loss <= 0 and X.min() == 0:
            raise ValueError(
                "When beta_loss <= 0 and X contains zeros, the solver may diverge. Please add small values to X, or "
                "use a positive beta_loss."
            )

    def _start(self, X: Any, W: Any, H: Any, update_H: bool = True) -> tuple[Array | None, Array]:
        """The factors to start from; W is None where H is kept and W begins as the solver likes."""
        n_samples, n_features = X.shape
        rank = self._n_components
        if self.init == "custom" or not update_H:
            if W is not None and not update_H:
                warnings.warn("When update_H=False, the provided initial W is not used.", RuntimeWarning, stacklevel=4)
            H = _custom(H, (rank, n_features), "NMF (input H)")
            if update_H:
                W = _custom(W, (n_samples, H.shape[0]), "NMF (input W)")
            if H.dtype != X.dtype or (update_H and W.dtype != X.dtype):
                which, found = "H", f"H.dtype = {H.dtype}"
                if update_H:
                    which, found = "H and W", f"{found} and W.dtype = {W.dtype}"
                raise TypeError(f"{which} should have the same dtype as X. Got {found}.")
            self._n_components = H.shape[0]
            return (W if update_H else None), H
        if W is not None or H is not None:
            warnings.warn(
                "When init!='custom', provided W or H are ignored. Set  init='custom' to use them as initialization.",
                RuntimeWarning,
                stacklevel=4,
            )
        rank = self._n_components = n_features if rank == "auto" else int(rank)
        fits = rank <= min(n_samples, n_features)
        method = self.init or ("nndsvda" if fits else "random")
        if method != "random" and not fits:
            raise ValueError(f"init = '{method}' can only be used when n_components <= min(n_samples, n_features)")
        random = check_random_state(self.random_state)
        singular = None if method == "random" else randomized_svd(host(X), rank, random_state=self.random_state)
        W, H = initial_factors(X, rank, method, random, singular)
        return W.astype(X.dtype, copy=False), H.astype(X.dtype, copy=False)

    def _penalties(self, n_samples: int, n_features: int) -> tuple[float, float, float, float]:
        """The weights of ‖W‖₁, ½‖W‖², ‖H‖₁ and ½‖H‖²."""
        alpha_H = self.alpha_W if self.alpha_H == "same" else float(self.alpha_H)
        on_W, on_H = n_features * self.alpha_W, n_samples * alpha_H
        return on_W * self.l1_ratio, on_W * (1 - self.l1_ratio), on_H * self.l1_ratio, on_H * (1 - self.l1_ratio)


def _custom(factor: Any, shape: tuple[Any, Any], whom: str) -> Array:
    """A starting factor of the caller, checked; scikit-learn's sentences."""
    out: Array = check_array(host(unwrap(factor)[0]))
    for axis, which in enumerate(("first", "second")):
        if shape[axis] != "auto" and out.shape[axis] != shape[axis]:
            raise ValueError(
                f"Array with wrong {which} dimension passed to {whom}. Expected {shape[axis]}, but got "
                f"{out.shape[axis]}."
            )
    check_non_negative(out, whom)
    if not out.max() > 0:
        raise ValueError(f"Array passed to {whom} is full of zeros.")
    return out


def _product(X: Any, H: Any) -> Any:
    X, kind = unwrap(X)
    H, kind_of_h = unwrap(H)
    if on_gpu(H) != on_gpu(X):
        X, H = host(X), host(H)
    out = X @ H
    return wrap(out, kind or kind_of_h) if on_gpu(out) or isinstance(out, np.ndarray) else out  # a data frame
