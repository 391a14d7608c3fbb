"""The separation job: a mixture and examples of its sources in, one sound file per source out."""

import contextlib
import time
import warnings
from collections.abc import Iterator, MutableMapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from avfront import audio, examples, planning, report, segments
from avfront.audio import AudioInfo, Samples, Survey
from avfront.errors import AvfrontError
from avfront.examples import Examples
from avfront.job import MODEL, PICTURE, REPORT, Done, Job, Outcome, Plan, Progress
from avfront.methods import Method, Scene, Separated, make
from avfront.outputs import Outputs

if TYPE_CHECKING:
    from nmfcore.models import Dictionary

# What was learned from the examples, by what it depends on besides them; several recordings share it.
Learned = MutableMapping[tuple[object, ...], tuple[list[Examples], "list[Dictionary]"]]


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

    def timings(self) -> dict[str, float]:
        """Seconds per stage, and ``"total"`` since the job began."""
        total = time.perf_counter() - self._begin
        return {name: round(seconds, 3) for name, seconds in (*self.seconds.items(), ("total", total))}


def separate(job: Job, progress: Progress = lambda stage, share: None, learned: Learned | None = None) -> Outcome:
    """Separate a recording into its sources.

    Every output has the channels, the rate and the length of the mixture, and the outputs add up to it. A job
    that fails or is interrupted leaves no file behind.

    Parameters
    ----------
    job : Job
        What to do.
    progress : callable
        Called with the name of the current stage and the share of it that is done, 0…1.
    learned : mutable mapping, optional
        Jobs with the same sources and settings that are given the same one learn from the examples once.

    Raises
    ------
    AvfrontError
        For anything that the user can put right; the message says how.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from avfront import synth
    >>> from avfront.sources import Source
    >>> with tempfile.TemporaryDirectory() as name:
    ...     folder = Path(name)
    ...     rain, wind = (make(1.0, 8000, seed=0) for make in (synth.rain, synth.wind))
    ...     for file, sound in {"mix": rain + wind, "rain": rain, "wind": wind}.items():
    ...         audio.write(folder / f"{file}.wav", sound[None], 8000)
    ...     sources = tuple(Source(each, (folder / f"{each}.wav",)) for each in ("rain", "wind"))
    ...     job = Job(folder / "mix.wav", sources, folder / "out", options={"iterations": 5})
    ...     outcome = separate(job)
    >>> sorted(outcome.files)
    ['picture', 'rain', 'report', 'wind']
    >>> outcome.report["method"], outcome.warnings
    ('gssm', [])
    """
    stages = Stages(progress)
    notes: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        # Recorded for the report instead of being printed between the lines of a progress bar.
        warnings.simplefilter("default", RuntimeWarning)
        plan = planning.prepare(job, notes)
        names = [f"{name}.wav" for name in plan.names]
        outputs = Outputs(
            job.output,
            [*names, *([PICTURE] if job.picture else []), *([MODEL] if job.save_model else []), REPORT],
            force=job.force,
            inputs=plan.inputs(),
        )
        with outputs:
            done = _run(plan, outputs, stages, notes, {} if learned is None else learned)
            notes.extend(str(entry.message) for entry in caught if issubclass(entry.category, RuntimeWarning))
            timings = stages.timings()
            content = report.build(plan, done, timings=timings, warnings=notes)
            report.write(outputs.path(REPORT), content)
            final = outputs.commit()
    for entry in caught:
        if not issubclass(entry.category, RuntimeWarning):
            warnings.warn_explicit(entry.message, entry.category, entry.filename, entry.lineno)
    files = {name: final[f"{name}.wav"] for name in plan.names}
    files["report"] = final[REPORT]
    files |= {name: final[file] for name, file in (("picture", PICTURE), ("model", MODEL)) if file in final}
    return Outcome(files, content, timings, done.objective, notes)


def _run(plan: Plan, outputs: Outputs, stages: Stages, notes: list[str], shared: Learned) -> Done:
    """All stages in order, into the hidden files of `outputs`."""
    import nmfcore
    from nmfcore import spatial

    job, info = plan.job, plan.info
    with stages("read"):
        survey = audio.survey(info)
        _check_samples(info, survey, notes)
        # Channels that add nothing are left out of the model: silent ones, and copies of the first.
        active = [i for i in range(info.channels) if i not in survey.silent_channels]
        active = active[:1] if survey.identical else active
        method = make(plan.method, plan.options)
        if plan.method == "spatial" and len(active) == 1 < info.channels:
            notes.append(f"{info.path}: the channels hold one signal only, so there is no spatial difference to use.")
        frame = frame_length(method.frame_seconds, info.rate)
        if survey.frames < frame:
            raise AvfrontError(
                f"the recording has {survey.frames} sample{'s' if survey.frames > 1 else ''} and is"
                f" shorter than one frame of {1000 * frame / info.rate:.0f} ms",
                file=info.path,
                remedy="give a longer one",
            )
        spans = planning.spans(plan, method, frame, survey.frames)
    learned, dictionaries = _learn(plan, method, frame, stages, notes, shared)
    if not dictionaries:
        notes.append("This variance model learns nothing from the examples, so which output is which source is open.")

    gain = 1.0 / float(np.sqrt(np.mean(np.square([survey.rms[i] for i in active]))))
    scene = Scene(
        np.fft.rfftfreq(frame, 1.0 / info.rate).astype(np.float64),
        None if plan.microphones is None else plan.microphones[active],
        assumed=job.array is None and job.mic_distance is None,
    )
    done = Done(method, survey, frame, learned, spans, [], dict.fromkeys((*plan.names, "mixture"), 0.0), [], None)
    channels = method.outputs(info.channels)

    def images() -> Iterator[npt.NDArray[np.float32]]:
        """Segment after segment, the images of all sources: (J, I, samples)."""
        parts = segments.cut(audio.blocks(info), spans)
        previous, last = _earlier(plan, len(active), frame), None
        for k in range(len(spans)):
            with stages("read"):
                x = next(parts)
            with stages("separate"):

                def share(part: float, k: int = k) -> None:
                    stages.share((k + part) / len(spans))

                y = np.zeros((len(plan.names), channels, x.shape[1]), np.float32)
                heard = x[active] * np.float32(gain)  # at unit level, whatever the recording's
                found = None
                if heard.any():
                    X = nmfcore.stft(heard, frame)
                    found = method.separate(
                        X, dictionaries, plan.names, scene, seed=job.seed, progress=share, previous=previous
                    )
                    copies = len(active) == 1 and bool((x == x[active]).all())
                    at = slice(None) if copies or channels < info.channels else active
                    for j, name in enumerate(plan.names):
                        y[j, at] = nmfcore.istft(found.images[name], frame, length=x.shape[1]) / np.float32(gain)
                    last = found.model
                    previous = replace(found, images={}, model=None if last is None else last.elsewhere())
                    done.separated.append(replace(previous, model=None))
                if not np.isfinite(y).all():
                    raise AvfrontError(
                        "the model ran into numbers that are not finite",
                        file=info.path,
                        remedy="try another --seed or --method gssm, and please report this recording",
                    )
                done.objective.append([] if found is None else found.objective)
            yield y
        if job.save_model and last is not None:
            # Of segments, what holds for all of the recording: one segment's activations are none of another's.
            kept = last if len(spans) == 1 else last.elsewhere()
            spatial.save(kept, outputs.path(MODEL), mixture=str(info.path.resolve()), rate=info.rate, frame=frame)

    with contextlib.ExitStack() as files:
        writers = [
            files.enter_context(
                audio.Writer(outputs.path(f"{name}.wav"), channels=channels, rate=info.rate, frames=survey.frames)
            )
            for name in plan.names
        ]
        for block in segments.crossfade(images(), spans):
            with stages("write"):
                for name, writer, image in zip(plan.names, writers, block, strict=True):
                    writer.write(image)
                    done.energy[name] += float(np.square(image, dtype=np.float64).sum())
                done.energy["mixture"] += float(np.square(block.sum(axis=0), dtype=np.float64).sum())

    if plan.references:
        with stages("score"):
            done = replace(done, scores=_score(plan, outputs, survey.frames, notes))
    if job.picture:
        with stages("picture"):
            from avfront import pictures

            panels = {"mixture": info.path, **{name: outputs.path(f"{name}.wav") for name in plan.names}}
            pictures.spectrograms(panels, outputs.path(PICTURE))
    return done


def frame_length(seconds: float, rate: int) -> int:
    """Samples per frame: at least `seconds`, even, and quick to transform (no prime factor beyond 5).

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


def _learn(
    plan: Plan, method: Method, frame: int, stages: Stages, notes: list[str], shared: Learned
) -> tuple[list[Examples], "list[Dictionary]"]:
    """The examples of each source, and the dictionaries of their patterns that the method uses."""
    from nmfcore.models import learn_dictionary

    job, rate = plan.job, plan.info.rate
    number = method.dictionaries(plan.info.channels)
    key = (plan.sources, rate, frame, repr(method), number, job.example_seconds, job.seed)
    if key in shared:
        return shared[key]
    with stages("read"):
        learned = []
        for done, source in enumerate(plan.sources, 1):
            learned.append(
                examples.load(
                    source, rate=rate, frame=frame, seconds=job.example_seconds, mixture=plan.info.path, notes=notes
                )
            )
            stages.share(done / len(plan.sources))
    dictionaries = []
    if number:
        with stages("dictionary"):
            for turn in range(number):
                dictionaries.append(
                    learn_dictionary(
                        {one.source: one.spectrograms for one in learned},
                        {one.source: method.patterns(one.source) for one in learned},
                        n_iter=method.dictionary_iterations,
                        seed=job.seed + turn,
                    )
                )
                stages.share((turn + 1) / number)
    for one in learned:
        one.spectrograms.clear()  # they were large, and are not needed again
    shared[key] = learned, dictionaries
    return shared[key]


def _earlier(plan: Plan, channels: int, frame: int) -> Separated | None:
    """What a kept model has to say before the first segment."""
    path = plan.job.load_model
    if path is None:
        return None
    from nmfcore import spatial

    try:
        model, notes = spatial.load(path)
    except FileNotFoundError as error:
        raise AvfrontError("there is no such file", file=path, remedy="check the path given to --load-model") from error
    except ValueError as error:
        raise AvfrontError(
            "this is no model of avfront's", file=path, remedy="give a file that --save-model wrote"
        ) from error
    here = (len(plan.names), frame // 2 + 1, channels, channels)
    if model.sources != plan.names or model.R.shape != here:
        raise AvfrontError(
            f"the model is of {', '.join(model.sources)} in {model.R.shape[-1]} channels with"
            f" {model.R.shape[1]} bins; this recording has {', '.join(plan.names)}, {channels} and {here[1]}",
            file=path,
            remedy="use the same sources, method and rate as when it was saved",
        )
    if notes.get("mixture") != str(plan.info.path.resolve()):
        model = model.elsewhere()
    return Separated({}, [], {}, {}, model=model)


def _score(plan: Plan, outputs: Outputs, frames: int, notes: list[str]) -> dict[str, Any]:
    from avfront.scores import score

    true: dict[str, Samples] = {}
    for name, info in plan.references.items():
        image = audio.resample(audio.read(info), info.rate, plan.info.rate)
        if image.shape[1] != frames:
            notes.append(
                f"{info.path}: the reference has {image.shape[1]} samples at {plan.info.rate} Hz and the"
                f" mixture {frames}; it was cut or padded with zeros at its end."
            )
        true[name] = np.pad(image[:, :frames], ((0, 0), (0, max(0, frames - image.shape[1]))))
    found = {name: audio.read(audio.probe(outputs.path(f"{name}.wav"))) for name in plan.names}
    return score(true, found, audio.read(plan.info)[:, :frames])


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
            f"{info.path}: {survey.clipped} samples ({share:.2%}) are clipped, which the sources will"
            " sound like too; record at a lower level."
        )
