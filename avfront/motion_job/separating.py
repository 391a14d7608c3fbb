"""The motion job: a video, or motion tables, and its sound in; the sound of each moving object out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from avfront import audio, media, memory, overlay, report
from avfront.errors import AvfrontError
from avfront.job import MAP, MIXTURE, OVERLAY, PAGE, PICTURE, REPORT, Outcome, Progress, Stages, check_device
from avfront.media import MediaInfo
from avfront.methods import motion as methods
from avfront.methods.motion import ByMotion
from avfront.motion import mocap, regions, timing
from avfront.motion.evidence import Captured, Seen, look
from avfront.motion.matching import Heard
from avfront.motion.motions import Motions
from avfront.motion.regions import Box
from avfront.motion_job.report import describe
from avfront.motion_job.sound import Sound, read, score
from avfront.outputs import Outputs

Array = npt.NDArray[Any]

ANALYSED = 640  # pixels of the longer side in which motion is followed
_SHOWN = 1280  # pixels of the longer side of the overlay
_DELAY_COMPONENTS, _DELAY_ITERATIONS = 8, 40  # of the plain factorization that the delay is told from
_BYTES_PER_SAMPLE = 50.0  # and channel and object, with one more for the mixture: a half more than was measured


@dataclass(frozen=True)
class MotionJob:
    """What is to be separated by which motion, and where the results go.

    Attributes
    ----------
    mixture : Path
        A video; with `tables` a sound file will do.
    output : Path
        Folder for the results.
    boxes : sequence of Box
        Of the objects, in pixels of the first frame; none: they are looked for.
    objects : int, optional
        How many to look for; None takes every region that moves enough, up to 16.
    tables : mapping of name to Path
        Motion capture of each source, in place of a video's pictures.
    table_rate : float, optional
        Rows per second of tables that do not tell.
    method : ByMotion
        How to separate.
    delay : float, optional
        Seconds by which the picture is late; None estimates it.
    references : mapping of name to Path
        True sounds, to score against.
    seed, device, force
        As for :class:`avfront.separation.Job`.
    picture : bool
        Draw the pictures.
    video : bool
        Write the overlay video.
    memory_gb : float, optional
        Memory that the job may use; None is half of the machine's.
    """

    mixture: Path
    output: Path
    boxes: Sequence[Box] = ()
    objects: int | None = None
    tables: Mapping[str, Path] = field(default_factory=dict)
    table_rate: float | None = None
    method: ByMotion = field(default_factory=ByMotion)
    delay: float | None = None
    references: Mapping[str, Path] = field(default_factory=dict)
    seed: int = 0
    device: str = "auto"
    force: bool = False
    picture: bool = True
    video: bool = True
    memory_gb: float | None = None


def separate(job: MotionJob, progress: Progress = lambda stage, share: None) -> Outcome:
    """Separate the sound of a video into those of the objects that are seen to move.

    Writes a wav per object, with the rate, channels and length of the mixture, which they add up to; a picture of
    where the sounds come from; the video with that drawn in and the sounds as audio streams; and a report. A job that
    fails leaves no file behind.

    Raises
    ------
    AvfrontError
        For anything that the user can put right; the message says how.
    """
    stages = Stages(progress)
    notes: list[str] = []
    outputs = Outputs(
        job.output,
        _names(job),
        force=job.force,
        inputs=[job.mixture, *job.tables.values(), *job.references.values()],
    )
    check_device(job.device)
    references = {name: audio.probe(path) for name, path in job.references.items()}
    with outputs:
        with stages("read"):
            info = None if job.tables and job.mixture.suffix.lower() in audio.SUFFIXES else media.probe(job.mixture)
            sound = read(job.mixture, info, seen=not job.tables)
        with stages("motion"):
            evidence = _watch(job, info, notes)
            _check_times(job, sound, evidence)
        _check_memory(job, sound, len(evidence.names))
        with stages("separate"):
            delay, motions, heard, images = _separate(job, sound, evidence, stages)
            if delay and job.delay is None:
                order = "after" if delay > 0 else "before"
                notes.append(f"The motion is seen {abs(1000 * delay):.0f} ms {order} it is heard; that is made up for.")
        with stages("write"):
            sounds = {name: sound.waveforms(image) for name, image in zip(evidence.names, images, strict=True)}
            for name, samples in sounds.items():
                if not samples.any():
                    notes.append(f"No component of the sound goes with the motion of {name}: it is silent.")
                audio.write(outputs.path(f"{name}.wav"), samples, sound.rate)
            audio.write(outputs.path(MIXTURE), sound.samples, sound.rate)
        scores = None
        if references:
            with stages("score"):
                scores = score(references, sound, sounds)
        with stages("picture"):
            _draw(job, info, evidence, heard, sound, sounds, outputs)
        timings = stages.timings()
        content = {
            **describe(job, evidence, sound, sounds, motions, heard, delay),
            "timings": timings,
            "scores": scores,
            "warnings": notes,
        }
        report.write(outputs.path(REPORT), content)
        final = outputs.commit()
    files = {name: final[f"{name}.wav"] for name in evidence.names}
    for key, name in (("picture", PICTURE), ("map", MAP), ("video", OVERLAY), ("report", REPORT)):
        if name in final:
            files[key] = final[name]
    return Outcome(files, content, timings, [[content["objective"]]], notes)


def _names(job: MotionJob) -> list[str]:
    """Of all files that the job may write."""
    # How many objects there are is not known before they are found: names enough are kept free.
    count = len(job.boxes) or job.objects or regions.MOST
    names = list(job.tables) or [f"object{k + 1}" for k in range(count)]
    return [*(f"{name}.wav" for name in names), MIXTURE, PICTURE, MAP, OVERLAY, REPORT, PAGE]


def _watch(job: MotionJob, info: MediaInfo | None, notes: list[str]) -> Captured | Seen:
    if job.tables:
        return Captured({name: mocap.read(path, job.table_rate) for name, path in job.tables.items()})
    assert info is not None
    frames = media.frames(info, largest=ANALYSED, grey=True)
    return look(frames, info, notes, boxes=job.boxes, objects=job.objects, seed=job.seed)


def _separate(
    job: MotionJob, sound: Sound, evidence: Captured | Seen, stages: Stages
) -> tuple[float, Motions, Heard, Array]:
    """Delay of the picture (s), motions on the frames of the sound, factors, and spectrograms (J, I, F, N)."""
    from nmfcore import masks

    X = sound.spectrogram()
    V = np.sqrt(np.square(np.abs(X)).mean(axis=0))  # (F, N)
    at, width = sound.middles(V.shape[1]), sound.frame / sound.rate
    delay = job.delay
    if delay is None:
        delay = estimate_delay(V, evidence.motions(at, width), sound.hop / sound.rate, job.seed)
    motions = evidence.motions(at + delay, width)
    heard = methods.separate(
        V, motions, job.method, rate=sound.rate, seed=job.seed, device=job.device, progress=stages.share
    )
    return delay, motions, heard, masks.wiener(X, np.asarray(heard.factors.parts()))


def estimate_delay(V: Array, motions: Motions, hop: float, seed: int) -> float:
    """Seconds by which motion is seen late, from a small factorization of the sound (F, N)."""
    import nmfcore

    components = _DELAY_COMPONENTS * motions.count
    fit = nmfcore.nmf(V / float(V.mean()), components, n_iter=_DELAY_ITERATIONS, seed=seed)
    return timing.delay(fit.H, np.sqrt(V.sum(axis=0)), motions.speeds[motions.strongest(2)].T, hop)


def _check_times(job: MotionJob, sound: Sound, evidence: Captured | Seen) -> None:
    begin, end = sound.start, sound.start + sound.samples.shape[1] / sound.rate
    if isinstance(evidence, Seen):
        times = {job.mixture: evidence.tracks.times}
    else:
        times = {job.tables[name]: table.times for name, table in evidence.tables.items()}
    for path, (first, last) in ((path, one[[0, -1]]) for path, one in times.items()):
        if last < begin or end < first:
            raise AvfrontError(
                f"the sound lasts from {begin:.1f} to {end:.1f} s, and the motion from {first:.1f} to {last:.1f} s",
                file=path,
                remedy="give motion and sound on one clock",
            )


def _check_memory(job: MotionJob, sound: Sound, objects: int) -> None:
    limit = memory.machine_bytes() / 2 if job.memory_gb is None else job.memory_gb * 1e9
    channels, length = sound.samples.shape
    size = _BYTES_PER_SAMPLE * channels * length * (objects + 1)
    if size > limit:
        raise AvfrontError(
            f"{length / sound.rate:.0f} s with {objects} objects would take {memory.text(size)} of memory, more than"
            f" the {memory.text(limit)} allowed",
            file=job.mixture,
            remedy="cut the video into pieces, or allow more with --memory",
        )


def _draw(
    job: MotionJob,
    info: MediaInfo | None,
    evidence: Captured | Seen,
    heard: Heard,
    sound: Sound,
    sounds: Mapping[str, Array],
    outputs: Outputs,
) -> None:
    if job.picture:
        from avfront.pictures import spectrograms

        panels = {name: outputs.path(f"{name}.wav") for name in ("mixture", *sounds)}
        spectrograms(panels, outputs.path(PICTURE))
    if info is None or isinstance(evidence, Captured):
        return
    sounding = evidence.kept[np.asarray(heard.sounding)]
    if not evidence.stands_out:
        sounding = np.full_like(sounding, -1)
    finding = overlay.Finding(evidence.clusters, evidence.boxes, evidence.names, sounding)
    if job.picture:
        first = next(media.frames(info)).image
        overlay.write_picture(outputs.path(MAP), overlay.localisation(finding, first))
    if job.video:
        streams = {"mixture": sound.samples, **sounds}
        frames = media.frames(info, largest=_SHOWN)
        overlay.video(outputs.path(OVERLAY), finding, frames, streams, sound.rate, sound.start)
