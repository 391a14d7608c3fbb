"""Files that are whole or not there, whatever happens to who writes them."""

import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from avfront.errors import AvfrontError

_HIDDEN = re.compile(r"\..+\.\d+")  # of `replaced`: a dot, the name, and the number of the process
_LOST = 3600.0  # s: nobody has written to one file for so long, least of all without an end


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A hidden name to write to, which becomes `path` in one step if all goes well."""
    hidden = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield hidden
        os.replace(hidden, path)
    finally:
        hidden.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Delete hidden files in and below a folder that were left behind when a program was killed, an hour ago or more.

    Younger ones may be somebody's who is still writing, on this machine or another.
    """
    for path in folder.rglob(".*"):
        if _HIDDEN.fullmatch(path.name):
            with suppress(OSError):  # another program was faster, or may do what this one must not
                if path.is_file() and time.time() - path.stat().st_mtime > _LOST:
                    path.unlink()


def file_stamp(path: Path) -> str:
    """Tells whether a file is still the one that it was."""
    try:
        facts = path.stat()
    except OSError:
        return "missing"
    return f"{facts.st_size} bytes of {facts.st_mtime_ns}"


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file.

    Raises
    ------
    AvfrontError
        If there is none.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AvfrontError("the file cannot be read as JSON", file=path, remedy="delete it and run again") from error
    if not isinstance(content, dict):
        raise AvfrontError("the file holds no JSON object", file=path, remedy="delete it and run again")
    return content


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write an object, for programs and people."""
    with replaced(path) as hidden:
        hidden.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def unwritable(folder: Path, error: OSError) -> AvfrontError:
    """What to say where a folder cannot be written to."""
    return AvfrontError(
        f"what was computed cannot be written ({(error.strerror or str(error)).lower()})",
        file=folder,
        remedy="check the permissions and the free space there, or choose another folder",
    )
