"""Proposals of one clip, and of a collection of any size: read, factorize in one batch, and store, chunk by chunk."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from avfront.errors import AvfrontError
from avfront.job import Progress
from avfront.manifest import Clip
from avfront.proposals import reading
from avfront.proposals.boxes import EdgeBoxes, in_original
from avfront.proposals.components import Factors, factorize
from avfront.proposals.files import file_stamp
from avfront.proposals.found import Array, Heard, Indices, Proposals, Settings
from avfront.proposals.hearing import hear, listen, workers
from avfront.proposals.reading import Material
from avfront.proposals.store import Store

# What is held at a time: so many clips, and about so much sound.
_CLIPS, _SECONDS = 64, 640.0
_AHEAD = 16  # clips read before they are needed


@dataclass(frozen=True)
class _Seen:
    """A clip that was read, and the boxes in its scaled pictures."""

    clip: Clip
    material: Material
    boxes: tuple[Array, Indices]


def propose(
    clips: Iterable[Clip],
    store: Store,
    *,
    device: str = "auto",
    progress: Progress = lambda stage, share: None,
) -> None:
    """Make and store the proposals of every clip that the store does not have yet, whatever their number.

    A clip that cannot be used (damaged, silent, without pictures, …) is noted in the store with one sentence that says
    why, and the rest goes on. A run that was killed goes on where it was; a file that changed is done again.

    Parameters
    ----------
    clips : iterable of Clip
    store : Store
        Its settings are used.
    device : str
        Where the factorizations run, as in :func:`nmfcore.nmf`.
    progress : callable
        Called with ``"proposals"`` and the share of the clips that is done.

    Raises
    ------
    AvfrontError
        If the store cannot be written to, or the settings name a file for edges that cannot be read.
    """
    every = list(clips)
    stamps = {clip.key: file_stamp(clip.path) for clip in every}
    todo = [clip for clip in every if not store.settled(clip.key, stamps[clip.key])]
    finder = EdgeBoxes(store.settings)
    steps = 2 * (len(every) - len(todo))  # each clip is read, and stored

    def advance(count: int) -> None:
        nonlocal steps
        steps += count
        progress("proposals", steps / (2 * len(every)))

    with workers() as pool:

        def look(clip: Clip) -> _Seen | None:
            try:
                material = reading.read(clip.path, clip.begin, clip.end, store.settings)
            except AvfrontError as error:
                store.skip(clip.key, str(error), stamps[clip.key])
                return None
            return _Seen(clip, material, finder(material.frames))

        def keep(seen: _Seen, factors: Factors) -> None:
            heard = listen(seen.material.sound, factors, store.settings)
            store.write(seen.clip.key, _assembled(seen, heard), stamps[seen.clip.key])

        for chunk in _chunks(_in_turn(pool, look, todo, lambda: advance(1))):
            usable = [seen for seen in chunk if seen is not None]
            advance(len(chunk) - len(usable))
            if usable:
                factors = factorize([one.material.sound for one in usable], store.settings, device=device)
                for _ in pool.map(keep, usable, factors):
                    advance(1)
    store.write_manifest()


def propose_one(
    path: str | os.PathLike[str],
    settings: Settings = Settings(),  # noqa: B008  frozen
    *,
    begin: float | None = None,
    end: float | None = None,
    device: str = "auto",
) -> Proposals:
    """The proposals of one video, or of its part from `begin` to `end` (s).

    Raises
    ------
    AvfrontError
        If the file is damaged, has no pictures or no sound, or the clip is silent, too long or not within it.
    """
    clip = Clip(Path(path), (), "test", begin, end)
    material = reading.read(clip.path, begin, end, settings)
    seen = _Seen(clip, material, EdgeBoxes(settings)(material.frames))
    [heard] = hear([material.sound], settings, device=device)
    return _assembled(seen, heard)


def _in_turn(
    pool: Executor, work: Callable[[Clip], _Seen | None], clips: Iterable[Clip], done: Callable[[], None]
) -> Iterator[_Seen | None]:
    """`work` of each clip in order, a few of them ahead of what is asked for; calls `done` after each."""
    waiting: deque[Future[_Seen | None]] = deque()
    rest = iter(clips)
    while True:
        waiting.extend(pool.submit(work, clip) for clip in islice(rest, 1 + _AHEAD - len(waiting)))
        if not waiting:
            return
        seen = waiting.popleft().result()
        done()
        yield seen


def _chunks(clips: Iterable[_Seen | None]) -> Iterator[list[_Seen | None]]:
    chunk: list[_Seen | None] = []
    seconds = 0.0
    for seen in clips:
        chunk.append(seen)
        seconds += 0.0 if seen is None else seen.material.duration
        if len(chunk) == _CLIPS or seconds >= _SECONDS:
            yield chunk
            chunk, seconds = [], 0.0
    if chunk:
        yield chunk


def _assembled(seen: _Seen, heard: Heard) -> Proposals:
    material = seen.material
    boxes, box_frames = seen.boxes
    scale = material.frames.shape[2] / material.size[0]
    return Proposals(
        duration=material.duration,
        size=material.size,
        frames=material.frames,
        frame_times=material.times,
        boxes=in_original(boxes, scale, material.size),
        box_frames=box_frames,
        **vars(heard),
    )
