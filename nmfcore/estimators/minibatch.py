"""scikit-learn's MiniBatchNMF: the components follow a decaying sum of what the mini-batches say.

The sums, and a batch as a problem for a backend, are those of :mod:`nmfcore.minibatches`.
"""

import warnings
from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import MiniBatchNMF as ScikitLearnMiniBatchNMF
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import gen_batches
from sklearn.utils.validation import check_is_fitted

from nmfcore.arrays import host, unwrap, wrap
from nmfcore.compressed import is_sparse
from nmfcore.divergence import mm_exponent
from nmfcore.estimators.base import Factorizer
from nmfcore.minibatches import DecayingSums, MiniBatch

Array = NDArray[Any]


class MiniBatchNMF(Factorizer):
    """Mini-batch NMF X ≈ W H, a drop-in for `sklearn.decomposition.MiniBatchNMF`.

    The objective is that of :class:`nmfcore.NMF`; each step updates W on one batch of samples and H from a decaying
    sum over the batches so far. X may be of any array kind; the computation is the CPU's, and arrays on a GPU are
    copied. As in scikit-learn, a custom H of X's dtype is the very array that the fit goes on with.

    Args:
        n_components: K; None keeps all features, ``"auto"`` takes it from a custom W or H, else like None.
        init: as in :class:`nmfcore.NMF`.
        batch_size: samples of a batch.
        beta_loss: ``"frobenius"`` (2), ``"kullback-leibler"`` (1), ``"itakura-saito"`` (0) or a number.
        tol: stop once a step changes H by less than this, relative to its norm; 0 never does.
        max_no_improvement: stop after so many batches without a smaller smoothed cost; None never does.
        max_iter: the most passes over X.
        alpha_W: weight of the penalties on W.
        alpha_H: weight of the penalties on H; ``"same"`` is `alpha_W`.
        l1_ratio: 0 penalises squares, 1 absolute values, between them both.
        forget_factor: what remains of the sums after a pass over X, 0…1.
        fresh_restarts: solve for W anew at every step, instead of one update.
        fresh_restarts_max_iter: the most updates of W in such a solution.
        transform_max_iter: the most updates of W in `transform`; None is `max_iter`.
        random_state: seed or RandomState of the start.
        verbose: print the cost at every step.

    Attributes:
        components_: H (n_components, n_features).
        n_components_: K.
        reconstruction_err_: √(2 D_β(X | WH)).
        n_iter_: passes over X that were begun.
        n_steps_: batches processed.
        n_features_in_: features seen in `fit`.
        feature_names_in_: their names, where X has any.

    >>> X = np.random.default_rng(0).random((60, 5))
    >>> model = MiniBatchNMF(n_components=2, batch_size=20, random_state=0).fit(X)
    >>> model.transform(X).shape
    (60, 2)
    """

    _parameter_constraints = ScikitLearnMiniBatchNMF._parameter_constraints

    def __init__(
        self,
        n_components: int | str | None = "auto",
        *,
        init: str | None = None,
        batch_size: int = 1024,
        beta_loss: float | str = "frobenius",
        tol: float = 1e-4,
        max_no_improvement: int | None = 10,
        max_iter: int = 200,
        alpha_W: float = 0.0,
        alpha_H: float | str = "same",
        l1_ratio: float = 0.0,
        forget_factor: float = 0.7,
        fresh_restarts: bool = False,
        fresh_restarts_max_iter: int = 30,
        transform_max_iter: int | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.init = init
        self.batch_size = batch_size
        self.beta_loss = beta_loss
        self.tol = tol
        self.max_no_improvement = max_no_improvement
        self.max_iter = max_iter
        self.alpha_W = alpha_W
        self.alpha_H = alpha_H
        self.l1_ratio = l1_ratio
        self.forget_factor = forget_factor
        self.fresh_restarts = fresh_restarts
        self.fresh_restarts_max_iter = fresh_restarts_max_iter
        self.transform_max_iter = transform_max_iter
        self.random_state = random_state
        self.verbose = verbose

    def fit_transform(self, X: Any, y: Any = None, W: Any = None, H: Any = None) -> Any:
        """Learn the components of X (n_samples, n_features), dense or sparse, and give W (n_samples, n_components).

        Args:
            X: the data.
            y: ignored.
            W: start of W, with ``init="custom"``.
            H: start of H, likewise; changed in place.
        """
        self._validate_params()
        X, kind = self._checked(host(X), reset=True)
        W, H = self._begin(X, W, H)
        if is_sparse(X):
            X = X.tocsr()  # whose rows can be taken
        size = min(self.batch_size, X.shape[0])
        batches = [_Batch(X[rows], self._beta_loss) for rows in gen_batches(X.shape[0], size)]
        parts = [np.array(W[rows].T, order="C") for rows in gen_batches(X.shape[0], size)]  # (K, samples) each
        steps = self.max_iter * len(batches)
        watch = _Watch(self, X.shape[0], steps)
        order: Iterator[tuple[int, _Batch]] = islice(cycle(enumerate(batches)), steps)
        for step, (which, batch) in enumerate(order, start=1):
            before = H.copy()
            cost = self._step(batch, parts[which], H)
            if watch.settled(step, cost, batch.samples, H, before):
                break
        self.n_steps_, self.n_iter_ = step, -(-step // len(batches))
        if self.n_iter_ == self.max_iter and self.tol > 0:
            warnings.warn(
                f"Maximum number of iterations {self.max_iter} reached. Increase it to improve convergence.",
                ConvergenceWarning,
                stacklevel=2,
            )
        if self.fresh_restarts:
            batches = [_Batch(X, self._beta_loss)]
            parts = [self._solve_w(batches[0], H, self._transform_iterations())]
        error = sum(batch.divergence(H, part) for batch, part in zip(batches, parts, strict=True))
        self.reconstruction_err_ = np.sqrt(2 * max(error, 0.0))
        self.components_, self.n_components_ = wrap(H, kind), len(H)
        return wrap(np.ascontiguousarray(np.concatenate(parts, axis=1).T), kind)

    def partial_fit(self, X: Any, y: Any = None, W: Any = None, H: Any = None) -> Self:
        """Take X as one more mini-batch; the first call begins as `fit_transform` does. W and H count there only."""
        first = not hasattr(self, "components_")
        if first:
            self._validate_params()
        X, kind = self._checked(host(X), reset=first)
        if first:
            H = self._begin(X, W, H)[1]
            self.n_steps_ = 0
        else:
            H = np.require(host(unwrap(self.components_)[0]), requirements="W")  # a loaded one may be a memory map
            X = X.astype(H.dtype, copy=False)
        self._step(_Batch(X, self._beta_loss), None, H)
        self.components_, self.n_components_ = wrap(H, kind), len(H)
        self.n_steps_ += 1
        return self

    def transform(self, X: Any) -> Any:
        """W of X for the components that were learned."""
        check_is_fitted(self)
        X, kind = self._checked(host(X), reset=False)
        H = host(unwrap(self.components_)[0]).astype(X.dtype, copy=False)
        part = self._solve_w(_Batch(X, self._beta_loss), H, self._transform_iterations())
        return wrap(np.ascontiguousarray(part.T), kind)

    def _begin(self, X: Any, W: Any, H: Any) -> tuple[Array, Array]:
        """The start of both factors and of the sums."""
        self._rank(X)
        self._check_zeros(X)
        W, H = self._start(X, W, H)
        H = np.require(H, requirements="W")  # the caller's own, where it can be
        self._rho = self.forget_factor ** (min(self.batch_size, X.shape[0]) / X.shape[0])
        self._gamma = mm_exponent(self._beta_loss)
        self._sums = DecayingSums(H.copy(), np.ones_like(H), self._gamma)
        return W, H

    def _transform_iterations(self) -> int:
        return self.max_iter if self.transform_max_iter is None else self.transform_max_iter

    def _step(self, batch: "_Batch", part: Array | None, H: Array) -> float:
        """One mini-batch: update its W (K, samples), or find it; then H. Returns the cost of a sample before that."""
        l1_W, l2_W, l1_H, l2_H = self._penalties(batch.samples, H.shape[1])
        if part is None or self.fresh_restarts:
            part = self._solve_w(batch, H, self.fresh_restarts_max_iter)
        else:
            batch.update_w(part, H, self._gamma, l1_W, l2_W)
        above, below = batch.gradient(H, part)
        cost = batch.divergence_at(part, H, above, below)
        if l1_W or l2_W or l1_H or l2_H:
            cost += l1_W * float(part.sum()) + l1_H * float(H.sum())
            cost += l2_W * float(np.square(part).sum()) + l2_H * float(np.square(H).sum())
        if batch.mean == 0:  # silence teaches nothing
            return cost / batch.samples
        H[...] = self._sums.join(H, above, below + l1_H + l2_H * H, self._rho)
        return cost / batch.samples

    def _solve_w(self, batch: "_Batch", H: Array, iterations: int) -> Array:
        """W (K, samples) of a batch for this H, from a constant."""
        l1, l2, _, _ = self._penalties(batch.samples, H.shape[1])
        part = np.full((len(H), batch.samples), np.sqrt(batch.mean / len(H)), H.dtype)
        for _ in range(iterations):
            before = part.copy()
            batch.update_w(part, H, self._gamma, l1, l2)
            if self.tol > 0 and _norm(part - before) <= self.tol * _norm(part):
                break
        return part


class _Batch(MiniBatch):
    """Some samples of X, as the problem Xᵀ ≈ Hᵀ Wᵀ: its patterns are H, its activations W (K, samples)."""

    def __init__(self, X: Any, beta: float) -> None:
        super().__init__(X.T, beta)
        self.samples = int(X.shape[0])
        self.mean = float(X.mean())
        values = X.data if is_sparse(X) else X
        self.energy = float(np.square(values, dtype=np.float64).sum())

    def update_w(self, part: Array, H: Array, gamma: float, l1: float, l2: float) -> None:
        """The multiplicative update of W (K, samples) in place."""
        half = self.half(H, part)
        if l2 == 0:
            self.engine.update(half, gamma, None, np.full(len(H), l1, H.dtype) if l1 else None)
            return
        neg, pos = self.engine.split_gradient(half)
        self.engine.scale(half.table, half.H, neg, pos + (l1 + l2 * half.H), gamma)

    def divergence_at(self, part: Array, H: Array, above: Array, below: Array) -> float:
        """`divergence`, where both parts of the gradient in H are at hand: for β = 2 they tell it."""
        if self.beta != 2:
            return self.divergence(H, part)
        overlap, energy = (float(np.multiply(one, H).sum(dtype=np.float64)) for one in (above, below))
        return max(self.energy / 2 - overlap + energy / 2, 0.0)


class _Watch:
    """When to stop: H hardly changes, or a moving average of the cost no longer falls."""

    def __init__(self, model: MiniBatchNMF, samples: int, steps: int) -> None:
        self.model, self.samples, self.steps = model, samples, steps
        self.average = self.least = float("inf")
        self.idle = 0

    def settled(self, step: int, cost: float, size: int, H: Array, before: Array) -> bool:
        """Whether to stop after this step, whose cost was that before its update of H."""
        model = self.model
        if step == 1:
            self._say(step, f"mean batch cost: {cost}")
            return False
        weight = min(size / (self.samples + 1), 1)
        self.average = cost if self.average == float("inf") else self.average * (1 - weight) + cost * weight
        self._say(step, f"mean batch cost: {cost}, ewa cost: {self.average}")
        # A silent batch leaves H exactly as it was, which says nothing about convergence.
        if 0 < _norm(H - before) <= model.tol * _norm(H):
            self._say(step, "converged (small H change)")
            return True
        self.idle = 0 if self.average < self.least else self.idle + 1
        self.least = min(self.least, self.average)
        if model.max_no_improvement is not None and self.idle >= model.max_no_improvement:
            self._say(step, "converged (lack of improvement in objective function)")
            return True
        return False

    def _say(self, step: int, what: str) -> None:
        if self.model.verbose:
            print(f"Minibatch step {step}/{self.steps}: {what}")


def _norm(a: Array) -> float:
    """The Frobenius norm without BLAS, whose threads would still spin when the next kernel wants the cores."""
    return float(np.sqrt(np.square(a).sum()))
