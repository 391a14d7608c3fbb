"""A batch of recordings too large for the memory of the device is divided, and its halves are fitted in turn."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np

from nmfcore.layout import namespace
from nmfcore.parts import device_is_full
from nmfcore.spatial.model import LocalGaussianModel

Fit = TypeVar("Fit", bound=Callable[..., LocalGaussianModel])


def in_halves(fit: Fit) -> Fit:
    """A fit that goes on with the halves of a batch where the device runs out of memory.

    No recording of a batch knows of the others, so that the result is the same.
    """

    @wraps(fit)
    def run(X: Any, **options: Any) -> LocalGaussianModel:
        before = deepcopy(options.get("seed"))  # a generator that the failed attempt has not moved
        try:
            return fit(X, **options)
        except MemoryError as error:
            if not device_is_full(error):
                raise
        count = len(X) if np.ndim(X) == 4 else 1
        if count == 1:
            raise MemoryError(
                "This recording does not fit in the memory of the device; fit it in blocks (fit_many with "
                "follow=True), as complex64, or with backend='native'."
            )
        if options.get("resume") is not None or options.get("callback") is not None:
            raise MemoryError(
                "This batch does not fit in the memory of the device, and resume and callback are for whole ones; use "
                "smaller batches, complex64, or backend='native'."
            )
        halves = []
        for part in (slice(0, count // 2), slice(count // 2, count)):
            given = {name: value[part] for name, value in options.items() if _of_recordings(name, value)}
            halves.append(run(X[part], **{**options, **given, "seed": deepcopy(before)}))
        return _joined(*halves)

    return cast(Fit, run)


def _of_recordings(name: str, value: Any) -> bool:
    """Whether an option of a batch has an entry for each recording."""
    if name == "R":
        return np.ndim(value) == 5 or (isinstance(value, (list, tuple)) and any(map(callable, value)))
    return name == "v" and value is not None


def _joined(first: LocalGaussianModel, second: LocalGaussianModel) -> LocalGaussianModel:
    """The model of a batch from those of its halves."""

    def both(name: str) -> Any:
        pair = [getattr(first, name), getattr(second, name)]
        return None if pair[0] is None else namespace(pair[0]).concatenate(pair)

    return replace(
        first,
        v=both("v"),
        R=both("R"),
        W=both("W"),
        H=both("H"),
        gain=both("gain"),
        level=np.concatenate([first.level, second.level]),
        log_likelihood=tuple(map(np.concatenate, zip(first.log_likelihood, second.log_likelihood, strict=True))),
        start={name: words + second.start[name] for name, words in first.start.items()},
    )
