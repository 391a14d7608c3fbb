"""The files of one job: all of them or none.

Each output is written to a hidden name in its own folder and renamed when everything is done, so that an
interrupted or failed job leaves no half file, and a name in the folder always stands for a finished file.
"""

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from avfront.errors import AvfrontError

# Only writing fails so; reading has other reasons.
_UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}


class Outputs:
    """The outputs of one job; a context manager. Leaving it without :meth:`commit` removes every trace.

    A disk that turns out to be full on the way ends in an AvfrontError that names the folder.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    names : iterable of str
        Names of all the files that the job may write, in the order in which they are to appear; they may
        have folders.
    force : bool
        Whether files that are already there may be replaced, or removed where the job writes none of that name:
        what an earlier job left would be taken for a part of this one.
    inputs : iterable of Path
        Files that the job reads; none of them is ever replaced.

    Raises
    ------
    AvfrontError
        On entering: if the folder is a file, cannot be made or written to, or has one of the outputs already.
    """

    def __init__(self, folder: Path, names: Iterable[str], *, force: bool = False, inputs: Iterable[Path] = ()) -> None:
        self.folder = folder
        self._names = tuple(names)
        self._force = force
        self._inputs = tuple(inputs)
        self._made: list[Path] = []
        self._final: dict[str, Path] = {}
        self._hidden: Path | None = None

    def __enter__(self) -> "Outputs":
        self.check()
        try:
            self._make(self.folder)
            # Inside the output folder, and so on its file system: renaming stays one atomic step.
            self._hidden = Path(tempfile.mkdtemp(prefix=".avfront-", dir=self.folder))
        except BaseException as error:
            self._remove_made()
            if not isinstance(error, OSError):
                raise
            raise AvfrontError(
                f"the output folder cannot be written to ({(error.strerror or str(error)).lower()})",
                file=self.folder,
                remedy="choose another folder with -o",
            ) from error
        return self

    def path(self, name: str) -> Path:
        """Where to write the output `name` until :meth:`commit`."""
        if self._hidden is None or name not in self._names:
            raise ValueError(f"name={name!r} is no output of this job; they are {self._names}.")
        path = self._hidden / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def commit(self) -> dict[str, Path]:
        """Give every file that was written its name; returns name → path.

        Raises
        ------
        AvfrontError
            If another job has finished here meanwhile, as on entering.
        """
        if self._hidden is None:
            raise ValueError("commit is possible only while the job runs.")
        self.check()
        for name in self._names:
            final = self.folder / name
            if (self._hidden / name).exists():
                self._make(final.parent)
                os.replace(self._hidden / name, final)
                self._final[name] = final
            else:
                final.unlink(missing_ok=True)
        return self._final

    def withdraw(self) -> None:
        """Remove what :meth:`commit` has written, for a job that fails after it."""
        for path in self._final.values():
            path.unlink(missing_ok=True)
        self._final.clear()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        hidden, self._hidden = self._hidden, None
        if hidden is not None:
            shutil.rmtree(hidden, ignore_errors=True)
        if not self._final:
            self._remove_made()
        if isinstance(error, OSError) and error.errno in _UNWRITABLE:
            raise AvfrontError(
                f"the outputs cannot be written ({(error.strerror or str(error)).lower()})",
                file=self.folder,
                remedy="make room there, or choose another folder with -o",
            ) from error
        if isinstance(error, AvfrontError) and error.file and hidden and Path(error.file).is_relative_to(hidden):
            # The user knows the folder, and not where in it the files were until now.
            place = self.folder / Path(error.file).relative_to(hidden)
            raise AvfrontError(error.what, remedy=error.remedy, file=place, usage=error.usage) from error

    def check(self) -> None:
        """Raise AvfrontError if the folder is a file, or an output is in the way of something."""
        if self.folder.exists() and not self.folder.is_dir():
            raise AvfrontError("the output folder is a file", file=self.folder, remedy="choose another folder with -o")
        inputs = {path.resolve() for path in self._inputs}
        for name in self._names:
            path = self.folder / name
            if path.resolve() in inputs:
                raise AvfrontError(
                    "this input would be replaced by an output",
                    file=path,
                    remedy="choose another folder with -o",
                )
            if path.is_dir():
                raise AvfrontError(
                    "a folder is in the place of an output", file=path, remedy="choose another folder with -o"
                )
        there = [name for name in self._names if (self.folder / name).exists()]
        if there and not self._force:
            raise AvfrontError(
                f"{' and '.join(there[:2])}{' and more' if len(there) > 2 else ''}"
                f" {'is' if len(there) == 1 else 'are'} already there",
                file=self.folder,
                remedy="add --force to replace what is there, or choose another folder with -o",
            )

    def _make(self, folder: Path) -> None:
        for path in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
            path.mkdir()
            self._made.append(path)

    def _remove_made(self) -> None:
        for folder in reversed(self._made):
            with contextlib.suppress(OSError):
                folder.rmdir()
        self._made.clear()
