"""Lists of labelled clips: which file, which classes it shows, and whether to learn from it or to test on it.

A manifest is a CSV file with columns ``path, labels, split`` and, for a clip that is a part of its file, ``begin, end``
in seconds. Labels are separated by ``;``, paths are relative to the manifest, splits are ``train``, ``validation`` and
``test``::

    path,labels,split,begin,end
    clips/0001.mp4,dog;siren,train,,
    clips/0002.mp4,train,validation,30,40

Labels are weak: they say what is in the clip, neither when nor where. Other layouts are read by
:mod:`avfront.listings`.
"""

import csv
import hashlib
import math
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from avfront.errors import AvfrontError

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

_COLUMNS = ("path", "labels", "split", "begin", "end")
_NEEDED = _COLUMNS[:3]


@dataclass(frozen=True)
class Clip:
    """A video, or a part of one, and the classes that it is known to show.

    Attributes
    ----------
    path : Path
        Of the media file; whether it is there and whole is found out when it is read.
    labels : tuple of str
        Classes, sorted; empty for a clip of none of them.
    split : {"train", "validation", "test"}
    begin, end : float or None
        The part that is meant, s; None is the beginning or the end of the file.
    key : str
        Stands for the clip in stores: fit for a file name, and the same for the same place in a collection wherever
        that is moved to. Made of the path where it is not given.

    >>> Clip(Path("clips/dog 7.mp4"), ("dog",), "train", begin=1.5).key
    'clips_dog_7-45ca04d9'
    """

    path: Path
    labels: tuple[str, ...]
    split: Split
    begin: float | None = None
    end: float | None = None
    key: str = ""

    def __post_init__(self) -> None:
        if not self.key:
            object.__setattr__(self, "key", key(self.path.as_posix(), self.begin, self.end))


@dataclass(frozen=True)
class Manifest:
    """Clips, and the classes among which they are told apart (sorted; every one has a clip to learn from)."""

    classes: tuple[str, ...]
    clips: tuple[Clip, ...]

    def of(self, split: Split) -> tuple[Clip, ...]:
        """The clips of one split, in their order."""
        return tuple(clip for clip in self.clips if clip.split == split)


def key(name: str, begin: float | None = None, end: float | None = None) -> str:
    """A name for a clip that is fit for files, readable, and different for different clips.

    >>> key("a/b.mp4") != key("a_b.mp4")
    True
    """
    digest = hashlib.sha256(f"{name}\0{begin}\0{end}".encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return f"{re.sub(r'[^A-Za-z0-9]+', '_', str(Path(name).with_suffix(''))).strip('_')[-48:]}-{digest}"


def read_manifest(path: str | os.PathLike[str]) -> Manifest:
    """Read a manifest, or a folder of classes (see :func:`avfront.listings.folders`).

    Parameters
    ----------
    path : path
        CSV file with a header, in UTF-8; or a folder.

    Raises
    ------
    AvfrontError
        If it cannot be read, a column or a cell is missing or wrong (the line is named), a clip is listed twice, or a
        class has no clip in the split ``train``.
    """
    path = Path(path)
    if path.is_dir():
        from avfront.listings import folders

        return folders(path)
    rows = _rows(path)
    header = [name.strip().casefold() for name in next(rows, (1, []))[1]]
    missing = [name for name in _NEEDED if name not in header]
    if missing:
        raise AvfrontError(
            f"the manifest has no column {' and no column '.join(missing)}",
            file=path,
            remedy=f"begin it with the line {','.join(_NEEDED)}",
        )
    clips = [_clip(path, line, dict(zip(header, map(str.strip, cells), strict=False))) for line, cells in rows]
    return checked(clips, path)


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write a manifest; paths below its folder are written relative to it."""
    here = path.parent.resolve()
    hidden = path.with_name(f".{path.name}.part")
    with hidden.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(_COLUMNS)
        for clip in manifest.clips:
            place = clip.path.resolve()
            name = place.relative_to(here) if place.is_relative_to(here) else place
            times = ("" if time is None else str(time) for time in (clip.begin, clip.end))
            table.writerow([name.as_posix(), ";".join(clip.labels), clip.split, *times])
    hidden.replace(path)


def checked(clips: Iterable[Clip], path: Path) -> Manifest:
    """A manifest of these clips, if it can be learned from; `path` is named in errors."""
    clips = tuple(clips)
    seen: dict[str, Clip] = {}
    for clip in clips:
        if seen.setdefault(clip.key, clip) is not clip:
            raise AvfrontError(f"the clip {clip.path} is listed twice", file=path, remedy="leave one of the two out")
    learned = {label for clip in clips if clip.split == "train" for label in clip.labels}
    if not learned:
        raise AvfrontError(
            "no clip with a label is in the split train", file=path, remedy="mark clips to learn from with train"
        )
    unlearned = sorted({label for clip in clips for label in clip.labels} - learned)
    if unlearned:
        raise AvfrontError(
            f"the class '{unlearned[0]}' has no clip in the split train", file=path, remedy="add one, or leave it out"
        )
    return Manifest(tuple(sorted(learned)), clips)


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of each row that is not empty."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    yield reader.line_num, cells
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise AvfrontError(
            f"the manifest cannot be read ({reason.lower()})", file=path, remedy="give a CSV file in UTF-8"
        ) from error


def _clip(path: Path, line: int, cells: dict[str, str]) -> Clip:
    def wrong(what: str, remedy: str) -> AvfrontError:
        return AvfrontError(f"line {line}: {what}", file=path, remedy=remedy)

    name, split = cells.get("path", ""), cells.get("split", "")
    if not name:
        raise wrong("the path is empty", "write the name of a media file")
    chosen = next((known for known in SPLITS if known == split), None)
    if chosen is None:
        raise wrong(f"the split is '{split}'", f"write one of {', '.join(SPLITS)}")
    try:
        begin, end = (float(cells[side]) if cells.get(side) else None for side in ("begin", "end"))
    except ValueError:
        raise wrong("begin or end is no number", "write seconds, or nothing for the whole file") from None
    first, last = begin or 0.0, math.inf if end is None else end
    if not (0 <= first < math.inf and first < last):
        raise wrong(f"the part from {first:g} to {last:g} s is empty", "give begin and end in seconds, begin < end")
    labels = tuple(sorted({label.strip() for label in cells.get("labels", "").split(";") if label.strip()}))
    place = path.parent / Path(name).expanduser()
    return Clip(place, labels, chosen, begin, end, key(name, begin, end))
