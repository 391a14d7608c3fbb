"""The separation job: a mixture and examples of its sources in, one sound file per source and a report
out.
"""

import contextlib
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from avfront import audio, examples, geometry, memory, report, segments
from avfront.audio import AudioInfo, Samples, Survey
from avfront.errors import AvfrontError
from avfront.examples import Examples
from avfront.job import PICTURE, REPORT, Done, Job, Outcome, Plan, Progress
from avfront.methods import Method, Scene, make
from avfront.outputs import Outputs
from avfront.sources import BACKGROUND, Source, find

if TYPE_CHECKING:
    from nmfcore.models import Dictionary

# A source alone would be given the whole mixture; this many free patterns (El Badawy et al.) stand for the
# rest.
DEFAULT_BACKGROUND = 10
OVERLAP_SECONDS = 1.0
SHORTEST_SEGMENT_SECONDS = 5.0


class Stages:
    """Seconds per stage, added up over segments; each begins with a report of progress."""

    def __init__(self, progress: Progress) -> None:
        self.seconds: dict[str, float] = {}
        self._begin = time.perf_counter()
        self._stage = ""
        self._progress = progress

    @contextlib.contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Time one stage."""
        self._stage = name
        if name not in self.seconds:
            self._progress(name, 0.0)
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start

    def share(self, done: float) -> None:
        """Report which share (0…1) of the current stage is done."""
        self._progress(self._stage, min(done, 1.0))

    def total(self) -> float:
        """Seconds since the job began."""
        return time.perf_counter() - self._begin


def separate(job: Job, progress: Progress = lambda stage, share: None) -> Outcome:
    """Separate a recording into its sources.

    Every output has the channels, the rate and the length of the mixture, and the outputs add up to it. A job
    that fails or is interrupted leaves no file behind.

    Parameters
    ----------
    job : Job
        What to do.
    progress : callable
        Called with the name of the current stage and the share of it that is done, 0…1.

    Raises
    ------
    AvfrontError
        For anything that the user can put right; the message says how.

    Examples
    --------
    >>> from avfront.sources import parse
    >>> job = Job(Path("mix.wav"), parse(["speech=voices/", "noise=street.flac"]), Path("out"))
    >>> separate(job).files["speech"]  # doctest: +SKIP
    PosixPath('out/speech.wav')
    """
    stages = Stages(progress)
    notes: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        # Recorded for the report instead of being printed between the lines of a progress bar.
        warnings.simplefilter("default", RuntimeWarning)
        plan = _prepare(job, notes)
        names = [f"{name}.wav" for name in plan.names]
        outputs = Outputs(
            job.output,
            [*names, *([PICTURE] if job.picture else []), REPORT],
            force=job.force,
            inputs=plan.inputs(),
        )
        with outputs:
            done = _run(plan, outputs, stages, notes)
            notes.extend(str(entry.message) for entry in caught if issubclass(entry.category, RuntimeWarning))
            timings = {name: round(seconds, 3) for name, seconds in stages.seconds.items()}
            timings["total"] = round(stages.total(), 3)
            content = report.build(plan, done, timings=timings, warnings=notes)
            report.write(outputs.path(REPORT), content)
            final = outputs.commit()
    files = {name: final[f"{name}.wav"] for name in plan.names}
    files["report"] = final[REPORT]
    if PICTURE in final:
        files["picture"] = final[PICTURE]
    return Outcome(files, content, timings, done.objective, notes)


def _prepare(job: Job, notes: list[str]) -> Plan:
    """Check all that can be checked without reading samples."""
    info = audio.probe(job.mixture)
    sources = tuple(find(source) for source in job.sources)
    _check_device(job.device)
    _check_seconds(job)

    options = dict(job.options)
    if options.get("background") is None and len(sources) == 1:
        options["background"] = DEFAULT_BACKGROUND
        notes.append(
            f"'{sources[0].name}' is the only source, so a free background of {DEFAULT_BACKGROUND}"
            " spectral patterns"
            " stands for the rest."
        )
    if options.get("background") == 0 and len(sources) == 1:
        raise AvfrontError(
            f"'{sources[0].name}' alone would be given the whole mixture",
            remedy="name a second source, or leave out --background 0",
            usage=True,
        )
    names = tuple(source.name for source in sources) + ((BACKGROUND,) if options.get("background") else ())
    _check_counts("components", options.get("components"), sources)
    _check_counts("adaptive", options.get("adaptive"), sources)

    name = job.method or ("spatial" if info.channels > 1 else "gssm")
    make(name, options)
    microphones, microphones_from = _microphones(job, info, name)

    owner: dict[Path, str] = {}
    for source in sources:
        for file in source.files:
            other = owner.setdefault(file.resolve(), source.name)
            if other != source.name:
                notes.append(f"{file}: this file is an example of '{other}' and of '{source.name}'.")
    references = {key: audio.probe(path) for key, path in job.references.items()}
    _check_references(references, names, info)
    return Plan(job, info, sources, names, name, options, microphones, microphones_from, references)


def _run(plan: Plan, outputs: Outputs, stages: Stages, notes: list[str]) -> Done:
    """All stages in order, into the hidden files of `outputs`."""
    job, info = plan.job, plan.info
    with stages("read"):
        survey = audio.survey(info)
        _check_samples(info, survey, notes)
        # Channels that add nothing are left out of the model: silent ones, and copies of the first.
        active = [i for i in range(info.channels) if i not in survey.silent_channels]
        active = active[:1] if survey.identical else active
        method = make(plan.method, plan.options)
        if plan.method == "spatial" and len(active) == 1 < info.channels:
            notes.append(
                f"{info.path}: the channels hold one signal only, so there is no spatial difference to use."
            )
        frame = frame_length(method.frame_seconds, info.rate)
        if survey.frames < frame:
            raise AvfrontError(
                f"the recording has {survey.frames} sample{'s' if survey.frames > 1 else ''} and is"
                " shorter than one"
                f" frame of {1000 * frame / info.rate:.0f} ms",
                file=info.path,
                remedy="give a longer one",
            )
        spans = _spans(plan, method, frame, survey.frames)
        learned = []
        for count, source in enumerate(plan.sources):
            learned.append(
                examples.load(
                    source,
                    rate=info.rate,
                    frame=frame,
                    seconds=job.example_seconds,
                    mixture=info.path,
                    notes=notes,
                )
            )
            stages.share((count + 1) / len(plan.sources))

    with stages("dictionary"):
        dictionary = _learn(method, learned, job.seed) if method.uses_dictionary() else None
        if dictionary is None:
            notes.append(
                "This variance model learns nothing from the examples, so which output is which"
                " source is open."
            )

    gain = 1.0 / float(np.sqrt(np.mean(np.square([survey.rms[i] for i in active]))))
    scene = Scene(
        np.fft.rfftfreq(frame, 1.0 / info.rate).astype(np.float64),
        None if plan.microphones is None else plan.microphones[active],
    )
    objective: list[list[float]] = []
    energy = dict.fromkeys((*plan.names, "mixture"), 0.0)

    def images() -> Iterator[npt.NDArray[np.float32]]:
        """Segment after segment, the images of all sources: (J, I, samples)."""
        parts = segments.cut(audio.blocks(info), spans)
        for k in range(len(spans)):
            with stages("read"):
                x = next(parts)
            with stages("separate"):

                def share(done: float, k: int = k) -> None:
                    stages.share((k + done) / len(spans))

                y, history = _separate_segment(
                    x, active, gain, frame, method, dictionary, plan.names, scene, job.seed, share
                )
                if not np.isfinite(y).all():
                    raise AvfrontError(
                        "the model ran into numbers that are not finite",
                        file=info.path,
                        remedy="try another --seed or --method gssm, and please report this recording",
                    )
                objective.append(history)
            yield y

    with contextlib.ExitStack() as files:
        writers = [
            files.enter_context(
                audio.Writer(
                    outputs.path(f"{name}.wav"), channels=info.channels, rate=info.rate, frames=survey.frames
                )
            )
            for name in plan.names
        ]
        for block in segments.crossfade(images(), spans):
            with stages("write"):
                for name, writer, image in zip(plan.names, writers, block, strict=True):
                    writer.write(image)
                    energy[name] += float(np.square(image, dtype=np.float64).sum())
                energy["mixture"] += float(np.square(block.sum(axis=0), dtype=np.float64).sum())

    scores = None
    if plan.references:
        with stages("score"):
            scores = _score(plan, outputs, survey.frames, notes)
    if job.picture:
        with stages("picture"):
            from avfront import pictures

            panels = {"mixture": info.path, **{name: outputs.path(f"{name}.wav") for name in plan.names}}
            pictures.spectrograms(panels, outputs.path(PICTURE))
    return Done(method, survey, frame, learned, spans, objective, energy, scores)


def frame_length(seconds: float, rate: int) -> int:
    """Samples per frame nearest above `seconds` that are even and quick to transform (no prime factor beyond
    5).

    >>> frame_length(0.064, 16000), frame_length(0.064, 44100)
    (1024, 2880)
    """
    length = max(2 * round(seconds * rate / 2), 2)
    while True:
        rest = length
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return length
        length += 2


def _separate_segment(
    x: Samples,
    active: list[int],
    gain: float,
    frame: int,
    method: Method,
    dictionary: "Dictionary | None",
    names: tuple[str, ...],
    scene: Scene,
    seed: int,
    share: Callable[[float], None],
) -> tuple[npt.NDArray[np.float32], list[float]]:
    """Images (J, I, T) of one segment x (I, T); channels without sound, and silent segments, give zeros."""
    import nmfcore

    images = np.zeros((len(names), *x.shape), np.float32)
    identical = len(active) == 1 and bool((x == x[active]).all())
    heard = x[active] * np.float32(gain)  # at unit level, whatever the recording's
    if not heard.any():
        return images, []
    result = method.separate(nmfcore.stft(heard, frame), dictionary, names, scene, seed=seed, progress=share)
    for j, name in enumerate(names):
        image = nmfcore.istft(result.images[name], frame, length=x.shape[1]) / np.float32(gain)
        images[j, range(len(x)) if identical else active] = image
    return images, result.objective


def _learn(method: Method, learned: list[Examples], seed: int) -> "Dictionary":
    from nmfcore.models import learn_dictionary

    return learn_dictionary(
        {one.source: one.spectrograms for one in learned},
        {one.source: method.patterns(one.source) for one in learned},
        n_iter=method.dictionary_iterations,
        seed=seed,
    )


def _score(plan: Plan, outputs: Outputs, frames: int, notes: list[str]) -> dict[str, Any]:
    from avfront.scores import score

    true: dict[str, Samples] = {}
    for name, info in plan.references.items():
        image = audio.resample(audio.read(info), info.rate, plan.info.rate)
        if image.shape[1] != frames:
            notes.append(
                f"{info.path}: the reference has {image.shape[1]} samples at {plan.info.rate} Hz"
                f" and the mixture {frames};"
                " it was cut or padded with zeros at its end."
            )
        true[name] = np.pad(image[:, :frames], ((0, 0), (0, max(0, frames - image.shape[1]))))
    found = {name: audio.read(audio.probe(outputs.path(f"{name}.wav"))) for name in plan.names}
    return score(true, found, audio.read(plan.info)[:, :frames])


def _spans(plan: Plan, method: Method, frame: int, frames: int) -> list[tuple[int, int]]:
    """Segments that fit into memory."""
    job, info = plan.job, plan.info
    allowed = 1e9 * job.memory_gb if job.memory_gb is not None else memory.machine_bytes() / 2
    patterns = method.background + sum(
        len(source.files) * method.patterns(source.name) for source in plan.sources
    )
    per_sample = method.bytes_per_sample(info.channels, len(plan.names), 2 * patterns / frame)
    # Python and its libraries, the dictionary, and the examples as spectrograms while they are learned from.
    heard = sum(examples.seconds(source, job.example_seconds) for source in plan.sources)
    fixed = 100e6 + 16.0 * patterns * frame + 16.0 * heard * info.rate
    longest = int(max(allowed - fixed, 0.0) / per_sample)  # samples that fit

    def needed(samples: float) -> str:
        return (
            f"about {memory.text(fixed + samples * per_sample)} of memory, and {memory.text(allowed)}"
            " may be used"
        )

    if job.segment_seconds == 0:
        if frames > longest:
            raise AvfrontError(
                f"taken as a whole, {frames / info.rate:.0f} s of {info.channels} channels need"
                f" {needed(frames)}",
                file=info.path,
                remedy="leave out --segment 0, so that it is separated in segments",
            )
        return [(0, frames)]
    wanted = round(job.segment_seconds * info.rate)
    least = min(frames, wanted, round(SHORTEST_SEGMENT_SECONDS * info.rate))
    if longest < least:
        raise AvfrontError(
            f"{least / info.rate:.1f} s of {info.channels} channels with {heard:.0f} s of examples need"
            f" {needed(least)}",
            file=info.path,
            remedy="give fewer or shorter examples, lower --components, or raise --memory",
        )
    longest = min(longest, wanted)
    return segments.plan(frames, longest, min(round(OVERLAP_SECONDS * info.rate), longest // 4))


def _microphones(job: Job, info: AudioInfo, method: str) -> tuple[npt.NDArray[np.float64] | None, str]:
    """Positions (I, 3) in metres, and in words where they come from."""
    if job.array is not None and job.mic_distance is not None:
        raise AvfrontError(
            "both --mic-distance and --array are given", remedy="leave one of them out", usage=True
        )
    if job.array is not None:
        return geometry.load(job.array, info.channels), f"read from {job.array}"
    if job.mic_distance is not None:
        return geometry.line(
            info.channels, job.mic_distance
        ), f"{job.mic_distance:g} m from one to the next, on a line"
    if info.channels == 2:
        distance = geometry.DEFAULT_DISTANCE_M
        return geometry.line(2, distance), f"assumed: a pair {distance:g} m apart"
    if info.channels > 2 and method == "spatial":
        raise AvfrontError(
            f"the recording has {info.channels} channels, and where their microphones are is not known",
            file=info.path,
            remedy=(
                "give --array positions.json or --mic-distance METRES, or use --method gssm,"
                " which does not need it"
            ),
        )
    return None, "not needed"


def _check_samples(info: AudioInfo, survey: Survey, notes: list[str]) -> None:
    if survey.frames == 0:
        raise AvfrontError("the file has no samples", file=info.path, remedy="record or export it again")
    if max(survey.peak) == 0.0:
        raise AvfrontError(
            "the recording is silent (all samples are zero)",
            file=info.path,
            remedy="check how it was recorded",
        )
    for channel in survey.silent_channels:
        notes.append(f"{info.path}: channel {channel + 1} is silent; it stays silent in every output.")
    if survey.clipped:
        share = survey.clipped / (survey.frames * info.channels)
        notes.append(
            f"{info.path}: {survey.clipped} samples ({share:.2%}) are clipped, which the sources"
            " will sound like too;"
            " record at a lower level."
        )


def _check_seconds(job: Job) -> None:
    if not (job.segment_seconds == 0 or job.segment_seconds >= 1):
        raise AvfrontError(
            f"--segment {job.segment_seconds:g} is too short",
            remedy="give at least 1 second, or 0",
            usage=True,
        )
    if not job.example_seconds >= 0.1:
        raise AvfrontError(
            f"--examples {job.example_seconds:g} is too short", remedy="give at least 0.1 seconds", usage=True
        )


def _check_device(device: str) -> None:
    from nmfcore import backends

    try:
        backends.get("auto", device)
    except ValueError as error:
        raise AvfrontError(
            str(error).rstrip("."), remedy="see python -m nmfcore for what is here", usage=True
        ) from error


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
                f"the reference has {reference.channels}"
                f" channel{'s' if reference.channels > 1 else ''} and the mixture"
                f" {info.channels}",
                file=reference.path,
                remedy="give the source's image at every microphone",
            )
