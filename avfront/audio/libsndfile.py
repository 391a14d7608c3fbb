"""What reading and writing by libsndfile share: names of files, and its words for what went wrong."""

import os
from pathlib import Path

from avfront.errors import AvfrontError

_SUFFIX = "wav wave flac ogg oga opus mp3 aif aiff aifc au snd caf w64 rf64"
SUFFIXES = frozenset(f".{suffix}" for suffix in _SUFFIX.split())
KNOWN = "wav, flac, ogg, opus, mp3 and aiff"


def name(path: Path) -> str | bytes:
    """A path as libsndfile takes it: bytes, because names of files may hold what no encoding has."""
    return str(path) if os.name == "nt" else os.fsencode(path)


def truncated(path: Path, share: float) -> AvfrontError:
    """What to raise for a file of which only that share is there."""
    return AvfrontError(
        f"the file is cut off: only {share:.0%} of what its header promises is there",
        file=path,
        remedy="copy it again, or re-save the part that is there with a sound editor",
    )


def reason(error: Exception) -> str:
    """The library's own words, without the path and the full stop that our sentence brings itself."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    text = str(getattr(error, "error_string", "")) or str(error)
    return text.strip().rstrip(".")
