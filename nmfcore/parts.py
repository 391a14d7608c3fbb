"""A batch too large for the memory of the device is divided, and its halves are done one after the other."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np

from nmfcore.layout import Matrices
from nmfcore.options import generator

Fit = TypeVar("Fit", bound=Callable[..., Any])


def in_parts(fit: Fit) -> Fit:
    """A batched fit that goes on with the halves of a batch where the device runs out of memory.

    Random starts are drawn in the order of the whole batch, so that the result is the same.
    """

    @wraps(fit)
    def run(V: Any, n_components: Any = None, **options: Any) -> Any:
        before = deepcopy(options.get("seed"))  # a generator that the failed attempt has not moved
        try:
            return fit(V, n_components, **options)
        except MemoryError as error:
            if not device_is_full(error):
                raise
        return _halves(run, V, n_components, {**options, "seed": before})

    return cast(Fit, run)


def device_is_full(error: MemoryError) -> bool:
    """Whether it is the device's memory that has run out: the host's is another matter.

    >>> device_is_full(MemoryError())
    False
    """
    return type(error).__name__ == "OutOfMemoryError"  # CuPy's


def _halves(run: Callable[..., Any], V: Any, n_components: Any, options: dict[str, Any]) -> Any:
    whole = Matrices.of(V)
    count = len(whole.shapes)
    if count == 1 or options.get("callback") is not None:
        raise MemoryError(
            f"{'This matrix' if count == 1 else 'This batch'} and its factors do not fit in the memory of the device; "
            f"use {'' if count == 1 else 'smaller batches (a callback sees whole ones), '}dtype='float32', fewer "
            "restarts, or device='cpu'."
        )
    if any(hasattr(penalty, "start") for penalty in options.get("penalties", ())):
        raise MemoryError(
            "This batch does not fit in the memory of the device, and its penalties have data for each problem; use "
            "smaller batches, dtype='float32', fewer restarts, or device='cpu'."
        )
    per_problem = {
        name: whole.form.unpack(options[name], name, count)
        for name in ("W", "H", "weights")
        if options.get(name) is not None
    }
    pieces, rng = whole.pieces(), generator(options.get("seed"))
    results = []
    for part in (slice(0, count // 2), slice(count // 2, count)):
        given = {name: value[part] for name, value in per_problem.items()}
        ranks = n_components if n_components is None or np.ndim(n_components) == 0 else n_components[part]
        results.append(run(pieces[part], ranks, **{**options, **given, "seed": rng}))
    joined = {
        name: whole.form.pack([one for result in results for one in getattr(result, name)])
        for name in ("W", "H", "objective", "n_iter", "status")
    }
    return replace(results[0], **joined, history=_joined([result.history for result in results]))


def _joined(histories: list[Any]) -> Any:
    """Objectives of all problems at every check of any half; a half that has stopped keeps its last ones."""
    checks = sorted({iteration for history in histories for iteration, _ in history})
    return tuple(
        (check, np.concatenate([[value for at, value in history if at <= check][-1] for history in histories]))
        for check in checks
    )
