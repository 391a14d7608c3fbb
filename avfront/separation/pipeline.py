"""The stages of a separation job, in order."""

import contextlib
import warnings
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from avfront import audio, report
from avfront.job import PAGE, PICTURE, REPORT, Outcome, Progress, Stages
from avfront.methods import make
from avfront.outputs import Outputs
from avfront.separation import budget, planning, segments
from avfront.separation.job import MODEL, Done, Job, Plan
from avfront.separation.learning import Learned, learn
from avfront.separation.report import build
from avfront.separation.scoring import score
from avfront.separation.separating import images, listen


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
            [*names, PICTURE, *([MODEL] if job.save_model else []), REPORT, PAGE],
            force=job.force,
            inputs=plan.inputs(),
        )
        with outputs:
            done = _run(plan, outputs, stages, notes, {} if learned is None else learned)
            notes.extend(str(entry.message) for entry in caught if issubclass(entry.category, RuntimeWarning))
            timings = stages.timings()
            content = build(plan, done, timings=timings, warnings=notes)
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
    job, info = plan.job, plan.info
    with stages("read"):
        method = make(plan.method, plan.options)
        mixture = listen(info, method.frame_seconds, notes)
        if plan.method == "spatial" and len(mixture.active) == 1 < info.channels:
            notes.append(f"{info.path}: the channels hold one signal only, so there is no spatial difference to use.")
        spans = budget.spans(plan, method, mixture.frame, mixture.survey.frames)
    learned, dictionaries = learn(plan, method, mixture.frame, stages, notes, shared)
    if not dictionaries:
        notes.append("This variance model learns nothing from the examples, so which output is which source is open.")

    done = Done(method, mixture.survey, mixture.frame, learned, spans, dict.fromkeys((*plan.names, "mixture"), 0.0))
    blocks = segments.crossfade(images(plan, mixture, method, dictionaries, done, stages), spans)
    _write(plan, blocks, outputs, done, stages)
    if job.save_model and done.model is not None:
        from nmfcore import spatial

        spatial.save(
            done.model, outputs.path(MODEL), mixture=str(info.path.resolve()), rate=info.rate, frame=mixture.frame
        )
    if plan.references:
        with stages("score"):
            done.scores = score(plan, outputs, mixture.survey.frames, notes)
    if job.picture:
        with stages("picture"):
            from avfront import pictures

            panels = {"mixture": info.path, **{name: outputs.path(f"{name}.wav") for name in plan.names}}
            pictures.spectrograms(panels, outputs.path(PICTURE))
    return done


def _write(
    plan: Plan,
    blocks: Iterable[npt.NDArray[np.float32]],
    outputs: Outputs,
    done: Done,
    stages: Stages,
) -> None:
    """The sound of each source, from blocks (J, I, samples); their energies go into `done`."""
    with contextlib.ExitStack() as files:
        writers = [
            files.enter_context(
                audio.Writer(
                    outputs.path(f"{name}.wav"),
                    channels=done.method.outputs(plan.info.channels),
                    rate=plan.info.rate,
                    frames=done.survey.frames,
                )
            )
            for name in plan.names
        ]
        for block in blocks:
            with stages("write"):
                for name, writer, image in zip(plan.names, writers, block, strict=True):
                    writer.write(image)
                    done.energy[name] += float(np.square(image, dtype=np.float64).sum())
                done.energy["mixture"] += float(np.square(block.sum(axis=0), dtype=np.float64).sum())
