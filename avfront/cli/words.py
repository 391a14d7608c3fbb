"""What users write after options, turned into values or a sentence that says how to write it."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import typer.core

from avfront.errors import AvfrontError


class ManyWords(typer.core.TyperCommand):
    """A command some of whose options take all the words that follow them and hold the sign named here."""

    many: ClassVar = {"--sources": "=", "--reference": "=", "--doa": "=", "--mocap": "=", "--boxes": ","}

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat the option before each of its words, which is what the parser understands."""
        return super().parse_args(ctx, spread(args, self.many))


def spread(args: Sequence[str], options: Mapping[str, str]) -> list[str]:
    """``--sources a=x b=y`` as ``--sources a=x --sources b=y``.

    The words of an option end at the next word that begins with ``-`` or does not hold the option's sign.

    >>> spread(["mix.wav", "--sources", "a=x", "b=y", "-o", "out"], {"--sources": "="})
    ['mix.wav', '--sources', 'a=x', '--sources', 'b=y', '-o', 'out']
    """
    result: list[str] = []
    current = None
    for at, word in enumerate(args):
        if word == "--":
            return result + list(args[at:])
        if word.startswith("-") and not word[1:2].isdigit():  # a box may begin left of the picture
            name = word.partition("=")[0]
            current = name if name in options else None
            result.append(word)
        elif current is not None and result[-1] != current:
            if options[current] in word:
                result += [current, word]
            else:
                current = None
                result.append(word)
        else:
            result.append(word)
    return result


def refuse(options: Mapping[str, object], what: str) -> None:
    """Raise if an option is given that has no use in this kind of job."""
    for name, value in options.items():
        if value is not None:
            raise AvfrontError(f"{name} has no use in {what}", remedy="leave it out", usage=True)


def counts(text: str | None, option: str, example: str, *, least: int) -> int | dict[str, int] | None:
    """``32``, or ``speech=32,noise=16``."""
    if text is None:
        return None
    pairs = [part.rpartition("=") for part in text.split(",")]
    try:
        found = {name.strip(): int(value) for name, _, value in pairs}
    except ValueError:
        found = {}
    bare = list(found) == [""]
    if len(found) < len(pairs) or min(found.values()) < least or ("" in found and not bare):
        raise AvfrontError(f"{option} {text} says no number of patterns", remedy=f"write {example}", usage=True)
    return found[""] if bare else found


def adaptive_counts(text: str | None) -> dict[str, int] | None:
    """``noise=8``; ``0`` for no source."""
    found = counts(text, "--adaptive", "noise=8", least=0)
    if isinstance(found, int):
        if found > 0:
            raise AvfrontError(f"--adaptive {text} names no source", remedy="write noise=8", usage=True)
        return {}
    return found


def files_by_name(words: Sequence[str], option: str = "--reference") -> dict[str, Path]:
    """``NAME=FILE``, once per source."""
    found: dict[str, Path] = {}
    for word in words:
        name, equals, path = word.partition("=")
        if not (name and equals and path) or name in found:
            raise AvfrontError(
                f"{option} {word} is not one file of one source",
                remedy="write NAME=FILE, once per source",
                usage=True,
            )
        found[name] = Path(path).expanduser()
    return found


def directions(words: Sequence[str]) -> dict[str, tuple[float, float]] | None:
    """``speech=90`` or ``speech=90:10``: azimuth and elevation in degrees, by source."""
    found: dict[str, tuple[float, float]] = {}
    for word in words:
        name, _, text = word.partition("=")
        try:
            azimuth, elevation = (float(part) for part in (text if ":" in text else f"{text}:0").split(":"))
        except ValueError:
            azimuth = elevation = math.nan
        if not name or name in found or not (math.isfinite(azimuth) and abs(elevation) <= 90):
            raise AvfrontError(
                f"--doa {word} is not one direction of one source",
                remedy="write NAME=AZIMUTH or NAME=AZIMUTH:ELEVATION in degrees, once per source",
                usage=True,
            )
        found[name] = (azimuth, elevation)
    return found or None
