"""Proposals on disk: one compressed zarr group per clip, in one file each.

::

    FOLDER/settings.json             how the proposals were made; another setting is refused
    FOLDER/clips/KEY.zarr.zip        the proposals of a clip
    FOLDER/skipped/KEY.json          why a clip has none
    FOLDER/manifest.json             both lists, for people and other programs; written by `Store.write_manifest`

Each file gets its name only when it is whole, so that a run may be killed at any time, others may read meanwhile, and
what is there is done.
"""

import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from avfront.errors import AvfrontError
from avfront.extras import extra
from avfront.proposals.files import file_stamp, read_json, replaced, sweep, unwritable, write_json
from avfront.proposals.found import Proposals, Settings

_SUFFIX = ".zarr.zip"
_ARRAYS = tuple(one.name for one in fields(Proposals) if one.name not in ("duration", "size"))
# Log-mel patches are kept in half precision: of values in -4.6…7, 0.02 dB.
_HALF = frozenset({"tsp", "ncp"})


class Store:
    """A folder of proposals, clip by clip.

    What a program left half written when it was killed is deleted after an hour, when the folder is opened.

    Parameters
    ----------
    folder : path
        Made if it is not there.
    settings : Settings, optional
        Those of the proposals; None takes what the folder was begun with, or the defaults in a new one.

    Raises
    ------
    AvfrontError
        If the folder cannot be used, or was begun with other settings.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     store = Store(Path(folder), Settings(boxes=5))
    ...     store.skip("dog-1", "the video has no sound")
    ...     Store(Path(folder)).settings.boxes, "dog-1" in store, store.skipped
    (5, False, {'dog-1': 'the video has no sound'})
    """

    def __init__(self, folder: str | os.PathLike[str], settings: Settings | None = None) -> None:
        self.folder = Path(folder)
        recorded = self._recorded()
        if settings is not None and recorded is not None and settings != recorded:
            raise AvfrontError(
                f"its proposals were made with other settings ({'; '.join(recorded.differences(settings))})",
                file=self.folder,
                remedy="use the same settings, or another folder",
            )
        self.settings = settings or recorded or Settings()
        try:
            for name in ("clips", "skipped"):
                (self.folder / name).mkdir(parents=True, exist_ok=True)
            sweep(self.folder)
            if recorded is None:
                write_json(self.folder / "settings.json", asdict(self.settings))
        except OSError as error:
            raise unwritable(self.folder, error) from error

    def __contains__(self, key: str) -> bool:
        return self._place(key).exists()

    def keys(self) -> Iterator[str]:
        """The clips that are done, sorted."""
        yield from sorted(path.name.removesuffix(_SUFFIX) for path in (self.folder / "clips").glob(f"[!.]*{_SUFFIX}"))

    @property
    def skipped(self) -> dict[str, str]:
        """Clips without proposals, and why."""
        paths = sorted((self.folder / "skipped").glob("[!.]*.json"))
        return {path.stem: str(read_json(path)["reason"]) for path in paths}

    def settled(self, key: str, stamp: str = "") -> bool:
        """Whether the clip is done or skipped, from a file with that stamp (its size and date)."""
        if self._note(key).exists():
            return bool(read_json(self._note(key)).get("stamp") == stamp)
        if key not in self:
            return False
        with _opened(self._place(key)) as group:
            return bool(group.attrs.get("stamp") == stamp)

    def stamp(self, key: str) -> str:
        """Tells whether the proposals of a clip are still the ones that they were."""
        return file_stamp(self._place(key))

    def duration(self, key: str) -> float:
        """Of a clip that is done, s; without reading all of it."""
        with _opened(self._place(key)) as group:
            return float(group.attrs["duration"])

    def read(self, key: str) -> Proposals:
        """The proposals of a clip.

        Raises
        ------
        AvfrontError
            If there are none, or the file is damaged.
        """
        if key not in self:
            reason = self.skipped.get(key)
            raise AvfrontError(
                f"there are no proposals of {key}" + (f" ({reason.rstrip('.')})" if reason else ""),
                file=self.folder,
                remedy="make them first, or leave the clip out",
            )
        with _opened(self._place(key)) as group:
            arrays = {name: group[name][...] for name in _ARRAYS}
            facts = dict(group.attrs)
        arrays |= {name: arrays[name].astype(np.float32) for name in _HALF}
        return Proposals(duration=float(facts["duration"]), size=tuple(facts["size"]), **arrays)

    def write(self, key: str, proposals: Proposals, stamp: str = "") -> None:
        """Keep the proposals of a clip; what was there before is replaced in one step."""
        zarr = extra("zarr", "mil")
        try:
            with replaced(self._place(key)) as hidden, zarr.storage.ZipStore(hidden, mode="w") as place:
                facts = {"duration": proposals.duration, "size": list(proposals.size), "stamp": stamp}
                group = zarr.create_group(place, attributes=facts)
                for name in _ARRAYS:
                    value = getattr(proposals, name)
                    value = value.astype(np.float16) if name in _HALF else value
                    group.create_array(name, data=value, chunks=value.shape, compressors=_codec(value))
            self._note(key).unlink(missing_ok=True)
        except OSError as error:
            raise unwritable(self.folder, error) from error

    def skip(self, key: str, reason: str, stamp: str = "") -> None:
        """Note why a clip has no proposals."""
        try:
            write_json(self._note(key), {"reason": reason, "stamp": stamp})
            self._place(key).unlink(missing_ok=True)
        except OSError as error:
            raise unwritable(self.folder, error) from error

    def write_manifest(self) -> Path:
        """List what is done and what was skipped in ``manifest.json``."""
        path = self.folder / "manifest.json"
        write_json(path, {"settings": asdict(self.settings), "done": list(self.keys()), "skipped": self.skipped})
        return path

    def _place(self, key: str) -> Path:
        return self.folder / "clips" / f"{key}{_SUFFIX}"

    def _note(self, key: str) -> Path:
        return self.folder / "skipped" / f"{key}.json"

    def _recorded(self) -> Settings | None:
        path = self.folder / "settings.json"
        if not path.exists():
            return None
        try:
            return Settings(**read_json(path))
        except TypeError as error:
            raise AvfrontError(
                "these are no settings of this version's proposals", file=path, remedy="use another folder"
            ) from error


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    zarr = extra("zarr", "mil")
    try:
        place = zarr.storage.ZipStore(path, mode="r")
        group = zarr.open_group(place, mode="r")  # a place that did not open cannot be closed either
        try:
            yield group
        finally:
            place.close()
    except (OSError, ValueError, KeyError, RuntimeError, zipfile.BadZipFile) as error:
        raise AvfrontError(
            "the proposals are damaged", file=path, remedy="delete the file and make them again"
        ) from error


def _codec(value: Any) -> Any:
    """Blosc's zstd, with the bytes of numbers sorted by their place, which makes them repeat."""
    zarr = extra("zarr", "mil")
    shuffle = "noshuffle" if value.dtype.itemsize == 1 else "shuffle"
    return zarr.codecs.BloscCodec(cname="zstd", clevel=3, shuffle=shuffle, typesize=value.dtype.itemsize)
