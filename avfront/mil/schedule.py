"""How long and how fast a network learns."""

import math
from dataclasses import dataclass

from avfront.errors import AvfrontError
from avfront.mil import parallel


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to learn.

    Attributes
    ----------
    steps : int
        Updates of the weights at most.
    batch : int
        Clips of an update, over all processes.
    accumulate : int
        Parts in which a batch is computed, one after another, where it does not fit into memory at once.
    rate : float
        Step size of Adam.
    interval : int
        Updates from one validation and checkpoint to the next: what an interruption costs at most.
    patience : int
        Validations without a better one after which training ends.
    presence : float
        See :class:`avfront.mil.dataset.Balanced`.
    mixed : bool
        Half precision where a GPU is faster at it.
    workers : int
        Processes that read clips beside this one.
    seed : int
        The same seed gives the same weights, on the same machine.

    Raises
    ------
    AvfrontError
        If a value is out of range.
    """

    steps: int = 2000
    batch: int = 24
    accumulate: int = 1
    rate: float = 1e-3
    interval: int = 50
    patience: int = 10
    presence: float = 5.0
    mixed: bool = True
    workers: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "accumulate", "interval", "patience", "presence"):
            if getattr(self, name) < 1:
                raise AvfrontError(f"{name}={getattr(self, name)} is too small", remedy="give 1 or more", usage=True)
        if not 0 < self.rate < math.inf:
            raise AvfrontError(f"rate={self.rate} is out of range", remedy="give a positive number", usage=True)
        if self.batch % (self.accumulate * parallel.count()):
            raise AvfrontError(
                f"batch={self.batch} cannot be split into {self.accumulate} parts for {parallel.count()} processes",
                remedy="give a multiple of both",
                usage=True,
            )
