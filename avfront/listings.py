"""Collections in the layouts in which they are handed out, read as a manifest."""

import csv
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from avfront.errors import AvfrontError
from avfront.manifest import Clip, Manifest, Split, checked, key

MEDIA = frozenset((".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".flv", ".ogv", ".3gp", ".ts"))

_FOLDERS: dict[str, Split] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "validate", "valid", "val"), "validation"),
    **dict.fromkeys(("test", "testing", "eval"), "test"),
}
_TIMES = re.compile(r"_(\d+(?:\.\d+)?)_(\d+(?:\.\d+)?)$")


def folders(root: Path) -> Manifest:
    """A folder for each split, in it one for each class with its videos, as Kinetics is handed out.

    ``train/CLASS/NAME.mp4``; the splits may also be called ``val``, ``testing`` and the like. A clip has the one class
    that it lies in.

    Raises
    ------
    AvfrontError
        If there is no such folder, or nothing in it to learn from.
    """
    splits = [
        (folder, _FOLDERS[folder.name.casefold()]) for folder in _within(root) if folder.name.casefold() in _FOLDERS
    ]
    if not splits:
        raise AvfrontError(
            "the folder has no folders train, validation and test",
            file=root,
            remedy="lay it out as train/CLASS/NAME.mp4, or give a manifest",
        )
    clips = [
        Clip(path, (kind.name,), split, key=key(path.relative_to(root).as_posix()))
        for folder, split in splits
        for kind in _within(folder)
        if kind.is_dir()
        for path in _within(kind)
        if path.suffix.casefold() in MEDIA
    ]
    return checked(clips, root)


def audioset(lists: Mapping[Split, Path], media: Path, names: Path | None = None) -> Manifest:
    """Lists of file, begin, end and labels, as AudioSet and DCASE 2017 (task 4, weak labels) hand them out.

    Cells are separated by commas or tabs, several labels of a row by commas within quotes; rows of the same file and
    times are one clip, and lines that begin with ``#`` are left out. A row's file is looked for anywhere in `media`
    by its name without suffix, with and without the times that downloads are marked by (``NAME_30.000_40.000.mp4``,
    also ``YNAME…``): one that is marked is the clip, of one that is not the clip is a part. A row without any file is
    kept, and will be skipped with a reason.

    Parameters
    ----------
    lists : dict of split to path
        For instance ``{"train": "balanced_train_segments.csv", "test": "eval_segments.csv"}``.
    media : Path
        Folder of the videos.
    names : Path, optional
        Table ``index,mid,display_name`` (AudioSet's class_labels_indices.csv) that gives labels their names.

    Raises
    ------
    AvfrontError
        If a list cannot be read or has lines of another form.
    """
    files = {path.stem: path for path in sorted(media.rglob("*")) if path.suffix.casefold() in MEDIA}
    called = {row[1]: row[2] for row in _table(names) if len(row) > 2} if names is not None else {}
    found: dict[tuple[str, float, float, Split], set[str]] = {}
    for split, path in lists.items():
        for row in _table(path):
            labels = {called.get(label.strip(), label.strip()) for label in row[-1].split(",") if label.strip()}
            try:
                name, begin, end = row[0], float(row[1]), float(row[2])
            except (IndexError, ValueError):
                raise AvfrontError(
                    f"'{','.join(row)[:60]}' is no row of file, begin, end and labels",
                    file=path,
                    remedy="give a list as AudioSet or DCASE 2017 have them",
                ) from None
            found.setdefault((name, begin, end, split), set()).update(labels)
    return checked((_listed(*which, labels, files, media) for which, labels in found.items()), media)


def _listed(
    name: str, begin: float, end: float, split: Split, labels: set[str], files: Mapping[str, Path], media: Path
) -> Clip:
    stem = Path(name).stem if Path(name).suffix.casefold() in MEDIA | {".wav", ".flac"} else name
    bare = _TIMES.sub("", stem)
    marked = [f"{mark}{bare}_{begin:.3f}_{end:.3f}" for mark in ("", "Y")]
    cut = next((files[known] for known in (stem, *marked) if known in files and _TIMES.search(known)), None)
    kinds, which = tuple(sorted(labels)), key(bare, begin, end)
    if cut is not None:
        return Clip(cut, kinds, split, key=which)
    return Clip(files.get(bare, media / f"{bare}.mp4"), kinds, split, begin, end, which)


def _within(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _table(path: Path) -> Iterator[list[str]]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise AvfrontError(f"the list cannot be read ({reason.lower()})", file=path, remedy="check the path") from error
    lines = [line for line in lines if line.strip() and not line.startswith("#")]
    tabs = bool(lines) and "\t" in lines[0]
    for row in csv.reader(lines, delimiter="\t" if tabs else ",", skipinitialspace=True):
        yield [cell.strip() for cell in row]
