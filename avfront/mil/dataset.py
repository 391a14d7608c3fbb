"""Labelled clips as batches: which of them are drawn when, and what the network is given of each."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from avfront.features import Features
from avfront.mil.network import MODALITIES, Items, Variant

Truth = npt.NDArray[np.bool_]
Drawn = list[tuple[int, int]]  # indices of clips, each with the seed of what is drawn at random of it


@dataclass(frozen=True)
class Instance:
    """One modality of one clip: what its base network or its head takes, and the second each proposal begins in."""

    inputs: tuple[Tensor, ...]
    windows: Tensor  # (P,), int

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return sum(part.nbytes for part in (*self.inputs, self.windows))


@dataclass(frozen=True)
class Batch:
    """Some clips, and their classes (B, C)."""

    items: dict[str, Items]
    truth: Tensor

    def to(self, device: torch.device) -> "Batch":
        """The same on another device."""
        return Batch({name: items.to(device) for name, items in self.items.items()}, self.truth.to(device))


class Examples(Dataset[tuple[dict[str, Instance], Tensor]]):
    """Clips with known classes.

    Parameters
    ----------
    truth : boolean array (L, C)
    take : callable
        Gives each modality of clip `index`; what it draws at random (a part of the proposals, say) depends on
        the generator alone, and is everything there is when that is None.
    """

    def __init__(self, truth: Truth, take: Callable[[int, np.random.Generator | None], dict[str, Instance]]) -> None:
        self.truth = truth
        self.take = take

    def __len__(self) -> int:
        return len(self.truth)

    def __getitem__(self, drawn: int | tuple[int, int]) -> tuple[dict[str, Instance], Tensor]:
        index, rng = (drawn, None) if isinstance(drawn, int) else (drawn[0], np.random.default_rng(drawn[1]))
        return self.take(index, rng), torch.from_numpy(self.truth[index])

    def drawn(self, draws: Iterable[Drawn], *, workers: int = 0) -> Iterator[Batch]:
        """These batches, read by so many processes beside this one."""
        return iter(DataLoader(self, batch_sampler=draws, collate_fn=collate, num_workers=workers))

    def in_order(self, batch: int) -> Iterator[Batch]:
        """All clips once, in their order, with everything there is of each."""
        return iter(DataLoader(self, batch_size=batch, collate_fn=collate))


def collate(examples: Sequence[tuple[dict[str, Instance], Tensor]]) -> Batch:
    """Clips as one batch."""
    instances = [instance for instance, _ in examples]
    items = {
        name: Items([one[name].inputs for one in instances], [one[name].windows for one in instances])
        for name in instances[0]
    }
    return Batch(items, torch.stack([truth for _, truth in examples]))


class Balanced(Sequence[Drawn]):
    """Batches in which rare classes come about as often as frequent ones (Parekh et al. 2020, section IV.B).

    Each clip of a batch is drawn by first drawing a class, then one of its clips. A class with more clips has a higher
    but limited presence; clips of no class count as one more class. Batch `step` depends on the seed and on `step`
    alone, so that a run can be taken up anywhere.

    Parameters
    ----------
    truth : boolean array (L, C)
    steps, batch : int
        Number of batches, and clips of each.
    presence : float
        How many times as often as the rarest class the most frequent one is drawn, at most; ≥ 1.
    seed : int

    >>> truth = np.repeat(np.eye(2, dtype=bool), [90, 10], axis=0)
    >>> bool(np.mean([truth[index, 1] for index, _ in Balanced(truth, 1, 1000, presence=1.0)[0]]) > 0.4)
    True
    """

    def __init__(self, truth: Truth, steps: int, batch: int, *, presence: float = 5.0, seed: int = 0) -> None:
        kinds = np.column_stack([truth, ~truth.any(axis=1)])
        counts = kinds.sum(axis=0)
        weights = np.where(counts > 0, np.minimum(counts / counts[counts > 0].min(), presence), 0.0)
        self._share = weights / weights.sum()
        self._members = [np.flatnonzero(column) for column in kinds.T]
        self._steps, self._batch, self._seed = steps, batch, seed

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, step: int) -> Drawn:  # type: ignore[override]
        if not 0 <= step < self._steps:
            raise IndexError(step)
        rng = np.random.default_rng([self._seed, step])
        kinds = rng.choice(len(self._share), self._batch, p=self._share)
        return [(int(rng.choice(self._members[kind])), int(rng.integers(1 << 62))) for kind in kinds]


def instances(features: Features, variant: Variant) -> dict[str, Instance]:
    """The features of a clip as the bags of a variant; TSP come before NCP where both are in one."""
    audio = [name for name in ("tsp", "ncp") if variant.audio in (name, "both")]
    found = {
        "audio": (
            np.concatenate([getattr(features, name) for name in audio]),
            np.concatenate([getattr(features, f"{name}_times")[:, 0] for name in audio]),
        ),
        "visual": (features.boxes, features.box_times),
    }
    return {
        name: Instance((torch.from_numpy(found[name][0]),), seconds(found[name][1]))
        for name in MODALITIES[variant.modalities]
    }


def seconds(times: npt.NDArray[np.float64]) -> Tensor:
    """The whole seconds that times lie in, ≥ 0.

    >>> seconds(np.array([0.0, 0.96, 1.92]))
    tensor([0, 0, 1])
    """
    return torch.from_numpy(np.floor(times).clip(0).astype(np.int64))
