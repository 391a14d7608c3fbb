"""One model from several fits of the same recording."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from nmfcore.spatial.model import LocalGaussianModel


def consensus(models: Sequence[LocalGaussianModel]) -> LocalGaussianModel:
    """The model halfway between several: geometric mean of the variances, mean of the spatial covariances.

    Fits with dictionaries learned from other random starts err in different bins and frames; their mean errs less
    than each of them (compared in benchmarks/quality). Patterns, activations and history are those of the first.

    Args:
        models: of one recording, with the same sources; at least one.

    Raises:
        ValueError: if there is none, or their sources or shapes differ.

    >>> R = np.ones((1, 2, 1, 1), complex)
    >>> one, other = (LocalGaussianModel(np.full((1, 2, 3), v), R, ("a",), ()) for v in (1.0, 4.0))
    >>> consensus([one, other]).v.tolist()
    [[[2.0, 2.0, 2.0], [2.0, 2.0, 2.0]]]
    """
    if not models:
        raise ValueError("models must name at least one fitted model.")
    first = models[0]
    form = {(one.sources, one.v.shape, one.R.shape) for one in models}
    if len(form) > 1:
        raise ValueError("models must be of one recording: the same sources, bins, frames and channels.")
    if len(models) == 1:
        return first
    v = np.exp(np.mean([np.log(np.maximum(one.v, np.finfo(one.v.dtype).tiny)) for one in models], axis=0))
    return replace(first, v=v.astype(first.v.dtype), R=np.mean([one.R for one in models], axis=0))
