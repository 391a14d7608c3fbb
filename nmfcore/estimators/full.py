"""scikit-learn's NMF on nmfcore's solver: one matrix, sparse or dense, or a batch of them."""

import time
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import NMF as ScikitLearnNMF
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import validate_parameter_constraints
from sklearn.utils.validation import check_is_fitted

from nmfcore.arrays import Kind, unwrap, wrap
from nmfcore.compressed import is_sparse
from nmfcore.estimators.base import Factorizer
from nmfcore.layout import Form, namespace
from nmfcore.penalties import L1, L2
from nmfcore.solve import nmf


class NMF(Factorizer):
    """Non-negative matrix factorization X ≈ W H, a drop-in for `sklearn.decomposition.NMF`.

    Minimises D_β(X | WH) + α_W l₁ n_features ‖W‖₁ + α_H l₁ n_samples ‖H‖₁ + ½ α_W (1 − l₁) n_features ‖W‖²
    + ½ α_H (1 − l₁) n_samples ‖H‖², l₁ being `l1_ratio`. Parameters, attributes and defaults are scikit-learn's;
    `device` and `batched` are added. X may be a NumPy, CuPy or torch array, or anything that speaks DLPack: W,
    `components_` and what `transform` gives are of the same kind, on the same device. With ``solver="mu"`` NaN marks a
    missing entry of a dense X.

    Args:
        n_components: K; None keeps all features, ``"auto"`` takes it from a custom W or H, else like None.
        init: ``"random"``, ``"nndsvd"``, ``"nndsvda"``, ``"nndsvdar"``, ``"custom"``, or None: nndsvda where K ≤
            min(n_samples, n_features), else random.
        solver: ``"cd"``, coordinate descent (Frobenius only), or ``"mu"``, multiplicative updates.
        beta_loss: ``"frobenius"`` (2), ``"kullback-leibler"`` (1), ``"itakura-saito"`` (0) or a number.
        tol: ``"cd"`` stops once the projected gradients sum to less than `tol` times those of the first iteration,
            ``"mu"`` once ten iterations lower the error √(2D) by less than `tol` times the first.
        max_iter: the most iterations.
        random_state: seed or RandomState of the start and of `shuffle`.
        alpha_W: weight of the penalties on W.
        alpha_H: weight of the penalties on H; ``"same"`` is `alpha_W`.
        l1_ratio: 0 penalises squares, 1 absolute values, between them both.
        verbose: print the error every ten iterations.
        shuffle: let ``"cd"`` visit the components in a random order.
        device: ``"auto"`` (where the data is), ``"cpu"`` or ``"cuda"``; see :func:`nmfcore.nmf`.
        batched: X is (…, n_samples, n_features) or a list of matrices, all fitted at once; every attribute and
            answer then has this form too.

    Attributes:
        components_: H (n_components, n_features).
        n_components_: K.
        reconstruction_err_: √(2 D_β(X | WH)), the Frobenius norm of X − WH for β = 2.
        n_iter_: iterations done.
        n_features_in_: features seen in `fit`.
        feature_names_in_: their names, where X has any.

    >>> X = np.array([[1, 1], [2, 1], [3, 1.2], [4, 1], [5, 0.8], [6, 1]])
    >>> model = NMF(n_components=2, init="random", random_state=0)
    >>> W = model.fit_transform(X)
    >>> bool(np.abs(X - W @ model.components_).max() < 0.05)
    True
    """

    _parameter_constraints = {  # noqa: RUF012
        **ScikitLearnNMF._parameter_constraints,
        "device": [str],
        "batched": ["boolean"],
    }

    def __init__(
        self,
        n_components: int | str | None = "auto",
        *,
        init: str | None = None,
        solver: str = "cd",
        beta_loss: float | str = "frobenius",
        tol: float = 1e-4,
        max_iter: int = 200,
        random_state: Any = None,
        alpha_W: float = 0.0,
        alpha_H: float | str = "same",
        l1_ratio: float = 0.0,
        verbose: int = 0,
        shuffle: bool = False,
        device: str = "auto",
        batched: bool = False,
    ) -> None:
        self.n_components = n_components
        self.init = init
        self.solver = solver
        self.beta_loss = beta_loss
        self.tol = tol
        self.max_iter = max_iter
        self.random_state = random_state
        self.alpha_W = alpha_W
        self.alpha_H = alpha_H
        self.l1_ratio = l1_ratio
        self.verbose = verbose
        self.shuffle = shuffle
        self.device = device
        self.batched = batched

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.solver == "mu"
        return tags

    def fit_transform(self, X: Any, y: Any = None, W: Any = None, H: Any = None, weights: Any = None) -> Any:
        """Learn the components of X and give W, (n_samples, n_components).

        Args:
            X: (n_samples, n_features) ≥ 0, dense or sparse; with `batched` a batch or a list.
            y: ignored.
            W: start of W, with ``init="custom"``.
            H: start of H, likewise.
            weights: a nonnegative weight for each entry of X (``solver="mu"``); 0 marks a missing entry.
        """
        self._validate_params()
        fit = self._factorize(X, W, H, True, weights, reset=True)
        self.components_, self.n_iter_, self.reconstruction_err_ = fit.H, fit.n_iter, fit.error
        self.n_components_ = self._n_components
        return fit.W

    def transform(self, X: Any, weights: Any = None) -> Any:
        """W of X for the components that `fit` found; arguments as those of `fit_transform`."""
        check_is_fitted(self)
        return self._factorize(X, None, self.components_, False, weights, reset=False).W

    def _factorize(self, X: Any, W: Any, H: Any, update_H: bool, weights: Any, reset: bool) -> "_Fit":
        """Fit all matrices of X; see `_Batch` for their form."""
        self._check_choice()
        given = _Batch.of(X, self, reset)
        self._rank(given.pieces[0])
        begun, starts = self._n_components, []
        parts = [given.split(value, name) for value, name in ((W, "W"), (H, "H"), (weights, "weights"))]
        for piece, w, h in zip(given.pieces, *parts[:2], strict=True):
            self._n_components = begun
            starts.append(self._begin(piece, w, h, update_H))
        # Those go together whose penalties weigh the same; that follows the shape.
        regularized = bool(self.alpha_W) or self.alpha_H not in (0, "same")
        groups: dict[Any, list[int]] = {}
        for b, piece in enumerate(given.pieces):
            groups.setdefault(piece.shape if regularized else None, []).append(b)
        results: list[Any] = [None] * len(starts)
        for group in groups.values():
            for b, one in zip(group, self._solve(given, starts, parts[2], group, update_H), strict=True):
                results[b] = one
        if self.tol > 0 and any(one[3] == self.max_iter for one in results):
            warnings.warn(
                f"Maximum number of iterations {self.max_iter} reached. Increase it to improve convergence.",
                ConvergenceWarning,
                stacklevel=3,
            )
        return _Fit(*(given.pack([one[i] for one in results]) for i in range(4)))

    def _check_choice(self) -> None:
        if self.solver != "mu" and self.beta_loss not in (2, "frobenius"):
            raise ValueError(
                f"Invalid beta_loss parameter: solver {self.solver!r} does not handle beta_loss = {self.beta_loss!r}"
            )
        if self.solver == "mu" and self.init == "nndsvd":
            warnings.warn(
                "The multiplicative update ('mu') solver cannot update zeros present in the initialization, and so "
                "leads to poorer results when used jointly with init='nndsvd'. You may try init='nndsvda' or "
                "init='nndsvdar' instead.",
                UserWarning,
                stacklevel=4,
            )

    def _begin(self, X: Any, W: Any, H: Any, update_H: bool) -> tuple[Any, Any]:
        """The start of one matrix, whose missing entries count as the mean of the others."""
        seen = X
        if _has_gaps(X):
            seen = np.where(np.isnan(X), np.nanmean(X), X)
        self._check_zeros(seen)
        start, H = self._start(seen, W, H, update_H)
        if start is None:
            # Multiplicative updates cannot leave zero.
            level = np.sqrt(float(seen.mean()) / H.shape[0]) if self.solver == "mu" else 0.0
            start = np.full((X.shape[0], H.shape[0]), level, H.dtype)
        return start, H

    def _solve(
        self, given: "_Batch", starts: list[Any], weights: list[Any], group: list[int], update_H: bool
    ) -> list[tuple[Any, Any, np.float64, int]]:
        """(W, H, error, iterations) of the matrices of a group, factorized together."""
        pieces = [given.pieces[b] for b in group]
        W, H = ([starts[b][i].T for b in group] for i in (0, 1))
        masks = [_observed(piece, weights[b]) for piece, b in zip(pieces, group, strict=True)]
        U = None
        if any(mask is not None for mask in masks):
            U = [
                (np.ones(piece.shape, piece.dtype) if mask is None else mask).T
                for piece, mask in zip(pieces, masks, strict=True)
            ]
        l1_W, l2_W, l1_H, l2_H = self._penalties(*pieces[0].shape)
        weighed = ((_L1, l1_W, "H"), (_L2, l2_W, "H"), (_L1, l1_H, "W"), (_L2, l2_H, "W"))
        alone = len(group) == 1  # a list would be copied into one buffer
        fit = nmf(
            *(pieces[0].T if alone else [piece.T for piece in pieces],),
            beta=self._beta_loss,
            W=H[0] if alone else H,
            H=W[0] if alone else W,
            free_w=update_H,
            weights=U if U is None or not alone else U[0],
            penalties=[penalty(lam, factor) for penalty, lam, factor in weighed if lam > 0],
            solver=self.solver,
            shuffle=self.shuffle,
            seed=_generator(self.random_state) if self.shuffle else 0,
            n_iter=self.max_iter,
            tol=self.tol if self.solver == "cd" else self._settled if self.tol > 0 else 0.0,
            device=self.device,
            callback=_Progress() if self.verbose else None,
        )
        results = [(fit.H, fit.W, fit.objective, fit.n_iter)]
        if not alone:
            results = list(zip(fit.H, fit.W, fit.objective, fit.n_iter, strict=True))
        rows = namespace(results[0][0]).ascontiguousarray  # a sample's values, or a component's, side by side
        return [(rows(h.T), rows(w.T), np.sqrt(2 * max(value, 0.0)), n) for h, w, value, n in results]

    def _settled(
        self, first: NDArray[np.float64], before: NDArray[np.float64], now: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """scikit-learn's rule: of the errors √(2D), not of D."""
        start, last, error = (np.sqrt(np.maximum(value, 0)) for value in (first, before, now))
        return np.asarray(last - error <= self.tol * start)


def non_negative_factorization(
    X: Any,
    W: Any = None,
    H: Any = None,
    n_components: int | str | None = "auto",
    *,
    init: str | None = None,
    update_H: bool = True,
    solver: str = "cd",
    beta_loss: float | str = "frobenius",
    tol: float = 1e-4,
    max_iter: int = 200,
    alpha_W: float = 0.0,
    alpha_H: float | str = "same",
    l1_ratio: float = 0.0,
    random_state: Any = None,
    verbose: int = 0,
    shuffle: bool = False,
    device: str = "auto",
    batched: bool = False,
    weights: Any = None,
) -> tuple[Any, Any, Any]:
    """W, H and the number of iterations of X ≈ W H: :class:`NMF` as a function.

    A drop-in for `sklearn.decomposition.non_negative_factorization`; the arguments are those of :class:`NMF` and its
    `fit_transform`.

    Args:
        update_H: False keeps the H that is given, and finds W alone.

    >>> X = np.array([[1, 1], [2, 1], [3, 1.2], [4, 1], [5, 0.8], [6, 1]])
    >>> W, H, n_iter = non_negative_factorization(X, n_components=2, init="random", random_state=0)
    >>> W.shape, H.shape
    ((6, 2), (2, 2))
    """
    model = NMF(
        n_components,
        init=init,
        solver=solver,
        beta_loss=beta_loss,
        tol=tol,
        max_iter=max_iter,
        random_state=random_state,
        alpha_W=alpha_W,
        alpha_H=alpha_H,
        l1_ratio=l1_ratio,
        verbose=verbose,
        shuffle=shuffle,
        device=device,
        batched=batched,
    )
    validate_parameter_constraints(model._parameter_constraints, model.get_params(), "non_negative_factorization")
    fit = model._factorize(X, W, H, bool(update_H), weights, reset=True)
    return fit.W, fit.H, fit.n_iter


@dataclass(frozen=True)
class _Fit:
    """W, H, √(2D) and the iterations of every matrix, in the form and kind of X."""

    W: Any
    H: Any
    error: Any
    n_iter: Any


@dataclass(frozen=True)
class _Batch:
    """The matrices of X, checked, and how to give answers in its form and kind."""

    pieces: list[Any]
    form: Form
    kind: Kind | None

    @staticmethod
    def of(X: Any, model: NMF, reset: bool) -> "_Batch":
        missing = model.solver == "mu"
        if not model.batched:
            piece, kind = model._checked(X, reset, missing)
            return _Batch([piece], Form(()), kind)
        form = Form(None)
        if not isinstance(X, (list, tuple)):
            shape = getattr(X, "shape", ())
            if len(shape) < 3:
                raise ValueError(
                    f"With batched=True X must be (…, n_samples, n_features) or a list of matrices; got shape {shape}."
                )
            form = Form(tuple(int(size) for size in shape[:-2]))
            X = X.reshape(-1, *shape[-2:])
        checked = [model._checked(piece, reset, missing) for piece in X]
        if not checked:
            raise ValueError("X is empty: a batch needs at least one matrix.")
        return _Batch([piece for piece, _ in checked], form, checked[0][1])

    def split(self, value: Any, name: str) -> list[Any]:
        """One factor (or array of weights) per matrix."""
        if value is None:
            return [None] * len(self.pieces)
        if self.form.leading is None:
            return [unwrap(one)[0] for one in self.form.unpack(value, name, len(self.pieces))]
        value = unwrap(value)[0]
        return list(self.form.unpack(value, name, len(self.pieces))) if self.form.leading else [value]

    def pack(self, values: list[Any]) -> Any:
        """The answers in the form and kind of X."""
        packed = self.form.pack(values)
        if isinstance(packed, list):
            return [wrap(one, self.kind) if np.ndim(one) else one for one in packed]
        return wrap(packed, self.kind) if np.ndim(packed) else packed


class _L1(L1):
    """A penalty that scikit-learn's error leaves out."""

    def value(self, H: NDArray[Any]) -> float:
        return 0.0


class _L2(L2):
    """Likewise."""

    def value(self, H: NDArray[Any]) -> float:
        return 0.0


class _Progress:
    """Prints the error at every check."""

    def __init__(self) -> None:
        self.start = time.perf_counter()

    def __call__(self, iteration: int, values: NDArray[np.float64]) -> None:
        errors = ", ".join(f"{np.sqrt(2 * max(value, 0.0)):f}" for value in values)
        print(f"Epoch {iteration:02d} reached after {time.perf_counter() - self.start:.3f} seconds, error: {errors}")


def _observed(X: Any, weights: Any) -> Any:
    """The weights of one matrix, 0 where it is NaN; None where there is nothing to weigh."""
    if not _has_gaps(X):
        return weights
    return np.where(X != X, 0, 1 if weights is None else weights).astype(X.dtype)


def _has_gaps(X: Any) -> bool:
    """Whether entries of a dense X are missing."""
    return not is_sparse(X) and bool(np.isnan(X.min()))  # NaN propagates


def _generator(random_state: Any) -> np.random.RandomState:
    from sklearn.utils import check_random_state

    generator: np.random.RandomState = check_random_state(random_state)
    return generator
