"""Before the work: does everything that a job names exist, and fit together?"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from avfront import audio, geometry
from avfront.audio import AudioInfo
from avfront.errors import AvfrontError
from avfront.job import check_device
from avfront.methods import make
from avfront.separation.job import Job, Plan
from avfront.sources import BACKGROUND, Source, find

# Free patterns (El Badawy et al. 2017) that stand for the rest of the mixture beside a single source.
DEFAULT_BACKGROUND = 10
LEAST_RATE = 1000  # Hz: directions are told from 200 Hz on


def prepare(job: Job, notes: list[str]) -> Plan:
    """Check all that can be checked without reading samples."""
    info = audio.probe(job.mixture)
    sources = tuple(find(source) for source in job.sources)
    check_device(job.device)
    _check_seconds(job)
    options = _with_background(job, sources, notes)
    names = tuple(source.name for source in sources) + ((BACKGROUND,) if options.get("background") else ())
    _check_counts("components", options.get("components"), sources)
    _check_counts("adaptive", options.get("adaptive"), sources)
    _check_counts("doa", options.get("doa"), sources)
    method = job.method or ("spatial" if info.channels > 1 else "gssm")
    make(method, options)
    _check_model(job, method, options, info)
    microphones, microphones_from = _microphones(job, info, options)
    _tell_of_shared_files(sources, notes)
    references = {key: audio.probe(path) for key, path in job.references.items()}
    _check_references(references, names, info)
    return Plan(job, info, sources, names, method, options, microphones, microphones_from, references)


def _with_background(job: Job, sources: Sequence[Source], notes: list[str]) -> dict[str, Any]:
    """The options; beside a single source, something stands for the rest."""
    options = dict(job.options)
    if options.get("background") is None and len(sources) == 1:
        options["background"] = DEFAULT_BACKGROUND
        notes.append(
            f"'{sources[0].name}' is the only source, so a free background of {DEFAULT_BACKGROUND}"
            " spectral patterns stands for the rest."
        )
    if options.get("background") == 0 and len(sources) == 1:
        raise AvfrontError(
            f"'{sources[0].name}' alone would be given the whole mixture",
            remedy="name a second source, or leave out --background 0",
            usage=True,
        )
    return options


def _microphones(job: Job, info: AudioInfo, options: Mapping[str, Any]) -> tuple[npt.NDArray[np.float64] | None, str]:
    """Positions (I, 3) in metres, and in words where they come from."""
    if job.array is not None and job.mic_distance is not None:
        raise AvfrontError("both --mic-distance and --array are given", remedy="leave one of them out", usage=True)
    if job.array is not None:
        return geometry.load(job.array, info.channels), f"read from {job.array}"
    if job.mic_distance is not None:
        return geometry.line(info.channels, job.mic_distance), f"{job.mic_distance:g} m from one to the next, on a line"
    if info.channels == 2:
        distance = geometry.DEFAULT_DISTANCE_M
        return geometry.line(2, distance), f"assumed: a pair {distance:g} m apart"
    if options.get("doa") or options.get("start") == "directions":
        raise AvfrontError(
            f"the recording has {info.channels} channels, and directions mean nothing where the places of their"
            " microphones are not known",
            file=info.path,
            remedy="give --array positions.json or --mic-distance METRES",
        )
    return None, "not given"


def _tell_of_shared_files(sources: Sequence[Source], notes: list[str]) -> None:
    owner: dict[Path, str] = {}
    for source in sources:
        for file in source.files:
            other = owner.setdefault(file.resolve(), source.name)
            if other != source.name:
                notes.append(f"{file}: this file is an example of '{other}' and of '{source.name}'.")


def _check_model(job: Job, method: str, options: Mapping[str, Any], info: AudioInfo) -> None:
    if method == "spatial" and info.rate < LEAST_RATE:
        raise AvfrontError(
            f"the recording has {info.rate} samples per second, too few to tell directions by",
            file=info.path,
            remedy="use --method gssm",
        )
    if method != "spatial" and (job.save_model or job.load_model is not None):
        raise AvfrontError(
            f"the method {method} has no model to keep",
            remedy="leave out --save-model and --load-model, or use --method spatial",
            usage=True,
        )
    if job.load_model is not None and not job.load_model.is_file():
        raise AvfrontError("there is no such file", file=job.load_model, remedy="check the path given to --load-model")
    if options.get("beam") and job.references:
        raise AvfrontError(
            "beams have one channel, and the references have those of the mixture",
            remedy="leave out --beam or --reference",
            usage=True,
        )


def _check_seconds(job: Job) -> None:
    if not (job.segment_seconds == 0 or 1 <= job.segment_seconds < math.inf):
        raise AvfrontError(
            f"--blocks {job.segment_seconds:g} is no length of a block",
            remedy="give at least 1 second, or 0 for the recording as a whole",
            usage=True,
        )
    if not 0.1 <= job.example_seconds < math.inf:
        raise AvfrontError(
            f"--examples {job.example_seconds:g} is no length of an example",
            remedy="give at least 0.1 seconds",
            usage=True,
        )


def _check_counts(option: str, counts: Any, sources: tuple[Source, ...]) -> None:
    if isinstance(counts, Mapping):
        unknown = sorted(set(counts) - {source.name for source in sources})
        if unknown:
            raise AvfrontError(
                f"--{option} names '{unknown[0]}', which is not a source",
                remedy="use the names given to --sources",
                usage=True,
            )


def _check_references(references: Mapping[str, AudioInfo], names: tuple[str, ...], info: AudioInfo) -> None:
    if references:
        from avfront import scores

        scores.check()
    for name, reference in references.items():
        if name not in names:
            raise AvfrontError(
                f"--reference names '{name}', which is not a source",
                remedy=f"use one of {', '.join(names)}",
                usage=True,
            )
        if reference.channels != info.channels:
            raise AvfrontError(
                f"the reference has {reference.channels} channel{'s' if reference.channels > 1 else ''}"
                f" and the mixture {info.channels}",
                file=reference.path,
                remedy="give the source's image at every microphone",
            )
