"""The motion job: a video, or motion tables, and its sound in; the sound of each moving object out."""

from typing import Any

import numpy as np
import numpy.typing as npt

from avfront import audio, media, report
from avfront.job import MAP, MIXTURE, OVERLAY, PICTURE, REPORT, Outcome, Progress, Stages, check_device
from avfront.media import MediaInfo
from avfront.methods import motion as methods
from avfront.motion import mocap, timing
from avfront.motion.evidence import Captured, Seen
from avfront.motion.looking import look
from avfront.motion.motions import Motions
from avfront.motion_job.checks import check_memory, check_times
from avfront.motion_job.drawing import draw
from avfront.motion_job.job import Done, MotionJob
from avfront.motion_job.report import describe
from avfront.motion_job.sound import read, score
from avfront.outputs import Outputs

Array = npt.NDArray[Any]

ANALYSED = 640  # pixels of the longer side in which motion is followed
_DELAY_COMPONENTS, _DELAY_ITERATIONS = 8, 40  # of the plain factorization that the delay is told from


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
    inputs = [job.mixture, *job.tables.values(), *job.references.values()]
    outputs = Outputs(job.output, job.outputs(), force=job.force, inputs=inputs)
    check_device(job.device)
    references = {name: audio.probe(path) for name, path in job.references.items()}
    with outputs:
        done = _separated(job, stages, notes)
        with stages("write"):
            for name, samples in done.sounds.items():
                if not samples.any():
                    notes.append(f"No component of the sound goes with the motion of {name}: it is silent.")
                audio.write(outputs.path(f"{name}.wav"), samples, done.sound.rate)
            audio.write(outputs.path(MIXTURE), done.sound.samples, done.sound.rate)
        scores = None
        if references:
            with stages("score"):
                scores = score(references, done.sound, done.sounds)
        with stages("picture"):
            draw(done, outputs)
        timings = stages.timings()
        content = {**describe(done), "timings": timings, "scores": scores, "warnings": notes}
        report.write(outputs.path(REPORT), content)
        final = outputs.commit()
    files = {name: final[f"{name}.wav"] for name in done.sounds}
    for key, name in (("picture", PICTURE), ("map", MAP), ("video", OVERLAY), ("report", REPORT)):
        if name in final:
            files[key] = final[name]
    return Outcome(files, content, timings, [[content["objective"]]], notes)


def _separated(job: MotionJob, stages: Stages, notes: list[str]) -> Done:
    """Look, listen, and give the sound to what moves."""
    from nmfcore import masks

    with stages("read"):
        info = None if job.tables and job.mixture.suffix.lower() in audio.SUFFIXES else media.probe(job.mixture)
        sound = read(job.mixture, info, seen=not job.tables)
    with stages("motion"):
        evidence = _watch(job, info, notes)
        check_times(job, sound, evidence)
    check_memory(job, sound, len(evidence.names))
    with stages("separate"):
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
        images = masks.wiener(X, np.asarray(heard.factors.parts()))  # (J, I, F, N)
        if delay and job.delay is None:
            order = "after" if delay > 0 else "before"
            notes.append(f"The motion is seen {abs(1000 * delay):.0f} ms {order} it is heard; that is made up for.")
    with stages("write"):
        sounds = {name: sound.waveforms(image) for name, image in zip(evidence.names, images, strict=True)}
    return Done(job, info, evidence, sound, delay, motions, heard, sounds)


def _watch(job: MotionJob, info: MediaInfo | None, notes: list[str]) -> Captured | Seen:
    if job.tables:
        return Captured({name: mocap.read(path, job.table_rate) for name, path in job.tables.items()})
    assert info is not None
    frames = media.frames(info, largest=ANALYSED, grey=True)
    return look(frames, info, notes, boxes=job.boxes, objects=job.objects, seed=job.seed)


def estimate_delay(V: Array, motions: Motions, hop: float, seed: int) -> float:
    """Seconds by which motion is seen late, from a small factorization of the sound (F, N)."""
    import nmfcore

    components = _DELAY_COMPONENTS * motions.count
    fit = nmfcore.nmf(V / float(V.mean()), components, n_iter=_DELAY_ITERATIONS, seed=seed)
    return timing.delay(fit.H, np.sqrt(V.sum(axis=0)), motions.speeds[motions.strongest(2)].T, hop)
