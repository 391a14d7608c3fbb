"""Variances and covariances that a fit starts from: given, of an earlier fit, or its own."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmfcore.spatial.batch import FACTOR, Batch
from nmfcore.spatial.covariances import regularized
from nmfcore.spatial.model import LocalGaussianModel
from nmfcore.spatial.starts import Start
from nmfcore.spatial.variances import Climbing, VarianceModel
from nmfcore.spatial.variances.base import FLOOR, Array

Covariance = NDArray[np.complex128]
EARLIER = "an earlier fit"


def initial_variances(
    model: VarianceModel,
    batch: Batch,
    power: Array,
    level: NDArray[np.float64],
    v: ArrayLike | None,
    resume: LocalGaussianModel | None,
    going_on: bool,
) -> Array:
    """The model's own start (J, B, F, N), unless variances are given or an earlier fit of these mixtures has them."""
    patterns = None if resume is None or resume.W is None else batch.enter(resume.W, FACTOR)
    start = model.start(power, patterns)
    levels = level[:, None, None]
    if v is not None:
        given, shape = np.asarray(v), batch.leave(start).shape
        if given.shape != shape or not np.isfinite(given).all() or given.min() < 0:
            raise ValueError(f"v must be finite, nonnegative and of shape {shape}; got shape {given.shape}.")
        start = (batch.enter(given) / levels).astype(start.dtype)
    elif going_on and resume is not None:
        earlier = (batch.enter(resume.v) / levels).astype(start.dtype)
        if resume.H is not None:
            change = np.reshape(resume.level, (-1, 1, 1)) / levels
            modelled = model.restore(batch.enter(resume.H, FACTOR) * change)
            earlier = modelled if isinstance(model, Climbing) else earlier
        start = earlier
    return np.ascontiguousarray(np.maximum(start, FLOOR))


def initial_covariances(
    R: Any,
    resume: LocalGaussianModel | None,
    batch: Batch,
    mixtures: Array,
    sources: tuple[str, ...],
    v: Array,
    clue: Callable[[], Array | None],
    loading: float,
) -> tuple[Covariance, Covariance, dict[str, tuple[str, ...]]]:
    """Covariances (J, B·F, I, I) to start from, those to be drawn to, and in words where the first come from.

    The words are one for each recording, by source. What is drawn to is what was given, or else the start.

    Args:
        R, resume: as :func:`nmfcore.spatial.fit` takes them.
        batch: recordings.
        mixtures: (B, I, F, N).
        sources: names.
        v: first variances (J, B, F, N).
        clue: makes variances that tell the sources apart, if there are any.
        loading: share of the identity in R.

    Raises:
        ValueError: if R has another shape, or is not finite.
    """
    if resume is None:
        anchor, how = _given(R, batch, mixtures, sources, v, clue(), loading)
        return anchor, anchor, how
    if R is None:
        anchor = batch.rows(batch.enter(resume.R))
    else:
        anchor, _ = _given(R, batch, mixtures, sources, v, clue(), loading)
    return batch.rows(batch.enter(resume.covariances())), anchor, dict.fromkeys(sources, (EARLIER,) * batch.size)


def check_resumed(resume: LocalGaussianModel, sources: tuple[str, ...], shape: tuple[int, ...]) -> None:
    """Raise a ValueError unless an earlier fit has these sources and R of this shape."""
    if resume.sources != sources or resume.R.shape != shape:
        raise ValueError(
            f"resume has sources {resume.sources} and R {resume.R.shape}; here they are {sources} and {shape}."
        )


def _given(
    R: Any,
    batch: Batch,
    mixtures: Array,
    sources: tuple[str, ...],
    v: Array,
    clue: Array | None,
    loading: float,
) -> tuple[Covariance, dict[str, tuple[str, ...]]]:
    """Covariances (J, B·F, I, I) from what the user gave, and for each source where they come from."""
    found, told = [], []
    for b, (X, given) in enumerate(zip(mixtures, _of_each(R, batch), strict=True)):
        fields, how = _of_one(given, X, sources, v[:, b], None if clue is None else clue[:, b])
        found.append(regularized(fields, loading))
        told.append(how)
    return batch.rows(np.stack(found, axis=1)), {name: tuple(how[name] for how in told) for name in sources}


def _of_each(R: Any, batch: Batch) -> list[Any]:
    """What each recording of a batch was given."""
    if R is None or batch.alone:
        return [R] * batch.size
    if callable(R):
        raise ValueError("R must be a list of functions for a batch, one for each recording.")
    functions = isinstance(R, (list, tuple)) and any(map(callable, R))
    each = list(R) if functions or np.ndim(R) == 5 else [R] * batch.size
    if len(each) != batch.size:
        raise ValueError(f"R is for {len(each)} recordings, but X holds {batch.size}.")
    return each


def _of_one(
    R: Any, X: Array, sources: tuple[str, ...], v: Array, clue: Array | None
) -> tuple[Covariance, dict[str, str]]:
    """Covariances (J, F, I, I) for one recording (I, F, N), and where they come from."""
    shape = (len(v), v.shape[1], len(X), len(X))
    how = dict.fromkeys(sources, "one channel" if len(X) == 1 else "given")
    if R is None:
        R = np.ones(shape) if len(X) == 1 else Start(X, sources)
    if isinstance(R, Start):
        found: ArrayLike = R(v if clue is None else clue, told_apart=clue is not None)
        how = dict(R.how)
    elif callable(R):
        found = R(v if clue is None else clue)
    else:
        found = R
    given = np.asarray(found)
    if given.shape != shape:
        raise ValueError(f"R has shape {given.shape}; it must be (J, F, I, I) = {shape}.")
    if not np.isfinite(given).all():
        raise ValueError("R contains NaN or infinity.")
    return given.astype(np.complex128), how
