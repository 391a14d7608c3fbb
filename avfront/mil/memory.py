"""Clips that were taken lately, as far as they fit into memory."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Kept = TypeVar("Kept")


class Memory(Generic[Kept]):
    """A function of keys that remembers what it gave, and forgets the longest unused first.

    A collection that fits is read once, a larger one again and again. Processes that read clips beside one another
    (`workers`) have a memory each.

    Parameters
    ----------
    take : callable
        Gives what belongs to a key.
    size : callable
        Tells how many bytes that takes.
    limit : float
        Bytes that are held at most; what was given last is held in any case.

    >>> import numpy as np
    >>> read = []
    >>> held = Memory(lambda key: read.append(key) or np.zeros(1000), len, 2000)
    >>> [len(held(key)) for key in "abacabb"], "".join(read)
    ([1000, 1000, 1000, 1000, 1000, 1000, 1000], 'abcb')
    """

    def __init__(self, take: Callable[[str], Kept], size: Callable[[Kept], int], limit: float) -> None:
        self._take, self._size, self._limit = take, size, limit
        self._held: OrderedDict[str, Kept] = OrderedDict()
        self._bytes = 0

    def __call__(self, key: str) -> Kept:
        """What belongs to a key."""
        if key in self._held:
            self._held.move_to_end(key)
            return self._held[key]
        found = self._held[key] = self._take(key)
        self._bytes += self._size(found)
        while self._bytes > self._limit and len(self._held) > 1:
            self._bytes -= self._size(self._held.popitem(last=False)[1])
        return found
