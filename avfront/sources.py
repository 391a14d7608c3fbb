"""``NAME=file,file,folder``: which files are examples of which source."""

import glob
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from avfront.audio import SUFFIXES
from avfront.errors import AvfrontError

# A source of this name is whatever else is heard, from all round: it starts from the diffuse field, has half as many
# patterns per example (as in the paper of the spatial model), and a few that are learned from the mixture, for no two
# noises are alike.
NOISE = "noise"
BACKGROUND = "background"
# The last five are the names of a job's other files, see avfront.job.Outcome.
_RESERVED = (BACKGROUND, "mixture", "picture", "map", "video", "model", "report")
# Names become file names on any system: letters, digits, and . _ - inside.
_NAME = re.compile(r"^[^\W_](?:[\w.-]{0,62}[\w-])?$")
_DEVICE = re.compile(r"^(con|prn|aux|nul|com\d|lpt\d)(\..*)?$", re.IGNORECASE)
_HOW = "write it as NAME=file,file,folder, for example speech=a.flac,b.flac"


@dataclass(frozen=True)
class Source:
    """A source of the mixture, and the files that are examples of it."""

    name: str
    files: tuple[Path, ...]


def parse(tokens: Iterable[str]) -> tuple[Source, ...]:
    """Sources from words of the command line; paths are taken as written, and not looked up.

    Parameters
    ----------
    tokens : iterable of str
        ``NAME=path,path,…`` each. Where a file's name holds a comma, the whole text is tried as one path
        first.

    Raises
    ------
    AvfrontError
        (usage) If a word has no name or no path, a name is not fit for a file name, is reserved or comes
        twice.

    Examples
    --------
    >>> [(s.name, [str(f) for f in s.files]) for s in parse(["speech=a.flac,b.flac", "noise=dir"])]
    [('speech', ['a.flac', 'b.flac']), ('noise', ['dir'])]
    """
    sources: list[Source] = []
    for token in tokens:
        name, equals, value = token.partition("=")
        if not equals:
            raise AvfrontError(f"'{token}' names no source", remedy=_HOW, usage=True)
        check_name(name)
        if any(name.casefold() == known.name.casefold() for known in sources):
            raise AvfrontError(
                f"the source '{name}' is given twice",
                remedy=f"put its files into one list, as in {name}=first.flac,second.flac",
                usage=True,
            )
        whole = Path(value).expanduser()
        paths = [value] if value and whole.exists() else value.split(",")
        files = tuple(Path(part.strip()).expanduser() for part in paths if part.strip())
        if not files:
            raise AvfrontError(f"the source '{name}' has no files", remedy=_HOW, usage=True)
        sources.append(Source(name, files))
    if not sources:
        raise AvfrontError("no sources are given", remedy=f"add --sources; {_HOW}", usage=True)
    return tuple(sources)


def find(source: Source) -> Source:
    """The same source with its folders and patterns replaced by the sound files in them.

    Folders are searched recursively. Files come in the order in which they were given, those of one folder
    sorted by path; a file that comes twice counts once. Hidden files, and files of a folder that do not look
    like sound, are left out.

    Raises
    ------
    AvfrontError
        If a file or folder is missing, or if no sound file is found at all.
    """
    found: dict[Path, Path] = {}
    for path in source.files:
        for file in _expand(path, source.name):
            found.setdefault(file.resolve(), file)
    if not found:
        raise AvfrontError(
            f"no sound files for the source '{source.name}' there",
            file=source.files[0],
            remedy="name sound files, or a folder that has some",
        )
    return Source(source.name, tuple(found.values()))


def _expand(path: Path, name: str) -> Sequence[Path]:
    if path.is_dir():
        try:
            inside = sorted(path.rglob("*"))
        except OSError as error:
            raise AvfrontError(
                f"the folder of the source '{name}' cannot be read ({error.strerror})",
                file=path,
                remedy="check its permissions",
            ) from error
        return [
            file
            for file in inside
            if file.suffix.lower() in SUFFIXES and not file.name.startswith(".") and file.is_file()
        ]
    if path.exists():
        return [path]
    # The shell leaves a pattern behind NAME= alone, so it is expanded here.
    matches = [Path(match) for match in sorted(glob.glob(str(path), recursive=True))]
    if matches:
        return [file for match in matches for file in _expand(match, name)]
    raise AvfrontError(f"there is no such file or folder for the source '{name}'", file=path, remedy="check the path")


def check_name(name: str) -> None:
    """Raise AvfrontError (usage) if a source cannot have this name, because its file could not."""
    if name.casefold() in _RESERVED:
        raise AvfrontError(f"the source name '{name}' is reserved", remedy="choose another name", usage=True)
    if not _NAME.match(name) or _DEVICE.match(name):
        raise AvfrontError(
            f"the source name '{name}' is not fit for a file name",
            remedy="use letters, digits, '-', '_' and '.' only, beginning with a letter or digit",
            usage=True,
        )
