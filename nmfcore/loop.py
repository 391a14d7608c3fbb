"""The one loop: multiplicative updates or coordinate descent on a batch, until every problem has stopped.

Each model of the papers is this loop with other arguments: which slices are free, which penalties act. Stopping,
history, checks and the compaction of finished problems exist here and nowhere else.
"""

from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfcore.acceleration import Extrapolation
from nmfcore.backends import composed
from nmfcore.backends.base import Around
from nmfcore.backends.fixed import FixedPatterns
from nmfcore.divergence import mm_exponent
from nmfcore.layout import Array, F, Half, K, N
from nmfcore.options import Options
from nmfcore.penalties import Batched, Penalty
from nmfcore.problems import Data, Factors
from nmfcore.sides import Side

UNHEARD = 0.5  # seconds for which an interrupt may have to wait
AT_ONCE = 5e8  # multiply-adds that any processor does in that time, where an entry's powers count as POWERS of them
POWERS = 32


class Loop:
    """A fit under way: the problems that go on, and what became of the others."""

    def __init__(
        self,
        engine: Any,
        options: Options,
        data: Data,
        factors: Factors,
        sides: tuple[Side, Side],
        bound: list[tuple[Penalty, ...]],
        floor: NDArray[np.float64],
        permuter: Any,
    ) -> None:
        self.engine, self.options, self.data, self.factors = engine, options, data, factors
        self.sides, self.bound, self.floor, self.permuter = sides, bound, floor, permuter
        count = len(factors.table)
        self.active = np.arange(count)
        self.done = np.full(count, options.n_iter)
        self.status = np.full(count, "max_iter", dtype=object)
        self.history: list[tuple[int, NDArray[np.float64]]] = []
        self.iteration = 0
        work = 2 * (factors.table[:, [F, N]].prod(1) * (POWERS + 2.0 * factors.table[:, K])).sum()
        self.most = max(int(AT_ONCE / work), 1)  # iterations within one call of a backend
        self.rule = options.rule
        self.speed = Extrapolation(factors.table, factors.Wt, factors.H) if options.acceleration else None
        both = zip(sides[1].free, sides[0].free, strict=True) if options.normalize else ()
        self.movable = [_as_slice(w & h, engine.xp) for w, h in both]
        self.busy = [side for side in sides if not side.idle]
        euclidean = options.beta == 2 and not options.weighted
        if euclidean and len(self.busy) == 1 and engine.xp is np:
            self.engine = self.busy[0].engine = FixedPatterns(engine)
        self._select()

    def run(self) -> None:
        """Iterate until every problem has stopped."""
        alternates = self.options.descends or isinstance(self.engine, Around)  # between kernels and BLAS
        if alternates and self.busy:
            with self.engine.while_alternating(self._halves()[0]):
                self._run()
        else:
            self._run()

    def _run(self) -> None:
        options = self.options
        watch = self.rule is not None or options.callback is not None or self.speed is not None
        if watch:
            self.history.append((0, self.objective(self.active)))
        while self.iteration < options.n_iter and len(self.active):
            steps, began = self._steps(watch), perf_counter()
            self.iteration += steps
            settled, stop = self._descend() if options.descends else self._multiply(steps), False
            if steps == self.most and perf_counter() - began < UNHEARD / 2:
                self.most *= 2
            if watch and (self.iteration % options.check_every == 0 or self.iteration == options.n_iter):
                settled, stop = self._check(settled)
            if settled.any():
                self._stop(settled, "converged")
            if stop:
                self._stop(np.ones(len(self.active), bool), "stopped")

    def _steps(self, watch: bool) -> int:
        """How many iterations to go on with before anything has to be looked at."""
        options = self.options
        left = options.n_iter - self.iteration
        if options.descends:
            return 1  # it looks at its own pace after every iteration
        until_check = min(options.check_every - self.iteration % options.check_every, left)
        if self.engine.xp is not np:  # on a device, the same few iterations again are one graph
            return until_check
        return min(until_check if watch else left, self.most)

    def objective(self, problems: NDArray[np.intp]) -> NDArray[np.float64]:
        """D_β(V | WH) of these problems, with their penalties."""
        Wt, H, weights = self.factors.Wt, self.factors.H, self.data.weights
        half = Half(self.factors.table[problems], self.data.V.flat, Wt, H, self.options.beta, self.floor[problems],
                    None if weights is None else weights.flat)  # fmt: skip
        value: NDArray[np.float64] = self.engine.divergence(half)
        together = set()
        shared = self.bound[0] if all(own is self.bound[0] for own in self.bound) else ()
        for i, penalty in enumerate(shared):
            if isinstance(penalty, Batched):
                stack = self.factors.stacked(problems, penalty.factor)
                if stack is not None:
                    value += penalty.values(stack)
                    together.add(i)
        for at, b in enumerate(problems.tolist()):
            wt, h = self.factors.of(b)
            alone = (penalty for i, penalty in enumerate(self.bound[b]) if i not in together)
            value[at] += sum(penalty.value(h if penalty.factor == "H" else wt) for penalty in alone)
        return value

    def _halves(self) -> list[Half]:
        last = None if self.speed is None else self.speed.last
        return [side.half(self.factors, self.options.beta, last) for side in self.busy]

    def _multiply(self, steps: int) -> NDArray[np.bool_]:
        """Multiplicative updates; none is settled before a check."""
        options, halves = self.options, self._halves()
        momentum = None if self.speed is None else self.speed.momentum(steps, self.active)
        fused = [side.fused(half, options.gamma) for side, half in zip(self.busy, halves, strict=True)]
        whole = [half for half in fused if half is not None]
        if whole and len(whole) == len(halves) and not options.normalize:
            self.engine.sweeps(steps, whole, options.gamma, momentum)
        else:
            for step in range(steps):
                for side, half in zip(self.busy, halves, strict=True):
                    if momentum is not None:
                        composed.extrapolate(half, momentum[step])
                    monotone = options.exponent == "mm"
                    side.update(half, mm_exponent(options.beta, *side.betas) if monotone else options.gamma)
                self._normalize()
        return np.zeros(len(self.active), bool)

    def _descend(self) -> NDArray[np.bool_]:
        """One sweep of coordinate descent; settled is what hardly moved, beside the first sweep."""
        pace = np.zeros(len(self.active))
        for side, half in zip(self.busy, self._halves(), strict=True):
            pace += side.descend(half, self.permuter)
        if self.iteration == 1:
            assert not callable(self.options.tol)
            self.rest = pace * self.options.tol
        self._normalize()
        return pace <= self.rest[self.active]

    def _normalize(self) -> None:
        """If asked to: columns of W to sum 1, their scale into H, where both may move; WH does not change."""
        for b in self.active.tolist() if self.options.normalize else ():
            wt, h = self.factors.of(b)
            rows = self.movable[b]
            size = wt[rows].sum(1, keepdims=True)
            size[size == 0] = 1
            wt[rows] /= size
            h[rows] *= size

    def _check(self, settled: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], bool]:
        """Look at the objectives: which problems are settled, and whether the callback wants the fit to end."""
        (_, first), (_, before) = self.history[0], self.history[-1]
        value = before.copy()
        value[self.active] = self.objective(self.active)
        rose = np.zeros(len(self.active), bool)
        if self.speed is not None:
            rose = self.speed.check(self.active, value, before)
        stop = self.options.callback is not None and bool(self.options.callback(self.iteration, value))
        if self.rule is not None:
            settled = self.rule(first, before, value)[self.active] & ~rose
        self.history.append((self.iteration, value))
        return settled, stop

    def _stop(self, which: NDArray[np.bool_], status: str) -> None:
        """Some of the active problems leave the batch."""
        leaving = self.active[which]
        self.done[leaving], self.status[leaving] = self.iteration, status
        self.active = self.active[~which]
        self._select()

    def _select(self) -> None:
        for side in self.sides:
            side.select(self.active, self.floor)


def _as_slice(mask: NDArray[np.bool_], xp: Any) -> slice | Array:
    """The rows of a mask as a slice where they are neighbours: indexing then copies nothing. Else their numbers."""
    used = np.flatnonzero(mask)
    if len(used) and used[-1] - used[0] + 1 == len(used):
        return slice(int(used[0]), int(used[-1]) + 1)
    return xp.asarray(used)
