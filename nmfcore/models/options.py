"""What every model hands through to the one loop: iterations, restarts, seed, device and the like."""

from typing import TypedDict

import numpy as np
from numpy.typing import DTypeLike

from nmfcore.solve import Callback


class Options(TypedDict, total=False):
    """Keyword arguments of the models that :func:`nmfcore.nmf` has too, and explains.

    Each model says how many iterations and restarts it makes where they are not given.

    Attributes:
        n_iter: iterations.
        tol: a problem stops once its objective has settled; 0 never stops.
        n_restarts: random starts, run as one batch; the best is returned.
        seed: an integer or Generator.
        device: ``"cpu"``, ``"cuda"`` or ``"auto"``.
        backend: ``"auto"``, or one by name.
        dtype: of the computation.
        callback: called with the iteration and the objectives at every check; a true answer stops the loop.
    """

    n_iter: int
    tol: float
    n_restarts: int
    seed: int | np.random.Generator | None
    device: str
    backend: str
    dtype: DTypeLike | None
    callback: Callback | None


def filled(options: Options, *, n_iter: int, n_restarts: int) -> Options:
    """The options, with a model's own defaults where they are not given.

    Raises:
        TypeError: if there is no such option.

    >>> filled({"seed": 0, "n_iter": 5}, n_iter=100, n_restarts=1)
    {'n_iter': 5, 'n_restarts': 1, 'seed': 0}
    """
    for name in options:
        if name not in Options.__annotations__:
            raise TypeError(
                f"got an unexpected keyword argument {name!r}; beside the model's own there are "
                f"{', '.join(Options.__annotations__)}."
            )
    return {"n_iter": n_iter, "n_restarts": n_restarts, **options}
