"""The motion job: a video, or motion tables, and its sound in; the sound of each moving object out."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from avfront import audio, media, memory, overlay, report
from avfront.audio import Samples
from avfront.errors import AvfrontError
from avfront.job import PICTURE, REPORT, Outcome, Progress
from avfront.media import MediaInfo
from avfront.methods import motion as methods
from avfront.methods.motion import ByMotion, Heard, Motions
from avfront.motion import mocap, timing
from avfront.motion.evidence import Captured, Seen, look
from avfront.motion.regions import Box
from avfront.outputs import Outputs
from avfront.pipeline import Stages, frame_length

Array = npt.NDArray[Any]

MAP, OVERLAY, MIXTURE = "localisation.png", "overlay.mp4", "mixture.wav"
ANALYSED = 640  # pixels of the longer side in which motion is followed
_SHOWN = 1280  # pixels of the longer side of the overlay
_MOST_OBJECTS = 16  # that are looked for, where nobody says how many there are
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
        As for :class:`avfront.job.Job`.
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


@dataclass(frozen=True)
class Sound:
    """A recording and its spectrogram."""

    samples: Samples  # (I, T)
    rate: int
    start: float  # s, on the clock of the frames
    frame: int

    @property
    def hop(self) -> int:
        """Samples from frame to frame."""
        return self.frame // methods.OVERLAP

    def spectrogram(self) -> Array:
        """Complex, (I, F, N)."""
        from nmfcore import stft

        return stft(self.samples, self.frame, self.hop, "hamming")

    def waveforms(self, X: Array) -> Array:
        """Signals (…, T) of spectrograms (…, F, N)."""
        from nmfcore import istft

        return istft(X, self.frame, self.hop, "hamming", length=self.samples.shape[1])

    def middles(self, count: int) -> Array:
        """Of the frames, s on the clock of the frames of the picture."""
        return timing.centres(count, self.frame, self.hop, self.rate) + self.start


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
    with outputs:
        with stages("read"):
            info = None if job.tables and job.mixture.suffix.lower() in audio.SUFFIXES else media.probe(job.mixture)
            sound = _read(job, info)
        with stages("motion"):
            evidence = _watch(job, info, notes)
        _check_memory(job, sound, len(evidence.names))
        with stages("separate"):
            delay, motions, heard, images = _separate(job, sound, evidence, stages)
            if delay and job.delay is None:
                notes.append(f"The motion is seen {1000 * delay:+.0f} ms after it is heard; that is made up for.")
        with stages("write"):
            sounds = {name: sound.waveforms(image) for name, image in zip(evidence.names, images, strict=True)}
            for name, samples in sounds.items():
                if not samples.any():
                    notes.append(f"No component of the sound goes with the motion of {name}: it is silent.")
                audio.write(outputs.path(f"{name}.wav"), samples, sound.rate)
            audio.write(outputs.path(MIXTURE), sound.samples, sound.rate)
        scores = None
        if job.references:
            with stages("score"):
                scores = _score(job, sound, sounds)
        with stages("picture"):
            _draw(job, info, evidence, heard, sound, sounds, outputs)
        timings = stages.timings()
        content = {
            **_report(job, evidence, sound, sounds, motions, heard, delay),
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
    count = len(job.boxes) or job.objects or _MOST_OBJECTS
    names = list(job.tables) or [f"object{k + 1}" for k in range(count)]
    pictures = [PICTURE] if job.picture else []
    if not job.tables:
        pictures += [MAP] * job.picture + [OVERLAY] * job.video
    return [*(f"{name}.wav" for name in names), MIXTURE, *pictures, REPORT]


def _watch(job: MotionJob, info: MediaInfo | None, notes: list[str]) -> Captured | Seen:
    if job.tables:
        return Captured({name: mocap.read(path, job.table_rate) for name, path in job.tables.items()})
    assert info is not None
    frames = media.frames(info, largest=ANALYSED, grey=True)
    return look(frames, info, notes, boxes=job.boxes, objects=job.objects or _MOST_OBJECTS, seed=job.seed)


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


def _read(job: MotionJob, info: MediaInfo | None) -> Sound:
    path = job.mixture
    if info is None:
        header = audio.probe(path)
        samples, rate, start = audio.read(header), header.rate, 0.0
    else:
        if not job.tables:
            media.needs(info)
        samples = media.read_sound(info)
        assert info.sound is not None
        rate, start = info.sound.rate, info.sound.start
    if not np.isfinite(samples).all():
        raise AvfrontError("a sample is not a finite number", file=path, remedy="repair or export it again")
    if not samples.any():
        raise AvfrontError("the sound is silent (all samples are zero)", file=path, remedy="check how it was recorded")
    frame = frame_length(methods.FRAME_SECONDS, rate)
    if samples.shape[1] < frame:
        raise AvfrontError(
            f"the sound is shorter than one frame of {1000 * frame / rate:.0f} ms",
            file=path,
            remedy="give a longer one",
        )
    return Sound(samples, rate, start, frame)


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


def _score(job: MotionJob, sound: Sound, sounds: Mapping[str, Array]) -> dict[str, Any]:
    from avfront.scores import check, score

    check()
    true = {}
    length = sound.samples.shape[1]
    for name, path in job.references.items():
        if name not in sounds:
            raise AvfrontError(
                f"--reference {name} is no object of this job", remedy=f"they are {', '.join(sounds)}", usage=True
            )
        header = audio.probe(path)
        image = audio.resample(audio.read(header), header.rate, sound.rate)[:, :length]
        if len(image) not in (1, len(sound.samples)):
            raise AvfrontError(
                f"the reference has {len(image)} channels and the mixture {len(sound.samples)}",
                file=path,
                remedy="give one with as many",
            )
        image = np.pad(image, ((0, 0), (0, length - image.shape[1])))
        true[name] = np.broadcast_to(image, sound.samples.shape)
    return score(true, sounds, sound.samples)


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
    finding = overlay.Finding(
        evidence.clusters, evidence.boxes, evidence.names, evidence.kept[np.asarray(heard.sounding)]
    )
    if job.picture:
        first = next(media.frames(info)).image
        overlay.write_picture(outputs.path(MAP), overlay.localisation(finding, first))
    if job.video:
        streams = {"mixture": sound.samples, **sounds}
        frames = media.frames(info, largest=_SHOWN)
        overlay.video(outputs.path(OVERLAY), finding, frames, streams, sound.rate, sound.start)


def _report(
    job: MotionJob,
    evidence: Captured | Seen,
    sound: Sound,
    sounds: Mapping[str, Array],
    motions: Motions,
    heard: Heard,
    delay: float,
) -> dict[str, Any]:
    """Plain values: levels in dB, times in s, rates in Hz, boxes and speeds in pixels of the video."""
    import nmfcore

    names, labels = evidence.names, np.asarray(heard.factors.labels)
    power = {name: float(np.square(samples, dtype=np.float64).sum()) for name, samples in sounds.items()}
    whole = float(np.square(sound.samples, dtype=np.float64).sum())
    sources: list[dict[str, Any]] = [
        {
            "name": name,
            "file": f"{name}.wav",
            "level_db": report.decibels(power[name], whole),
            "snr_db": report.decibels(power[name], sum(power.values()) - power[name]),
            "components": np.flatnonzero(labels == j).tolist(),
            "sounding_cluster": int(heard.sounding[j]),
        }
        for j, name in enumerate(names)
    ]
    clusters: list[dict[str, Any]] = [{"object": names[int(j)]} for j in motions.sources]
    motion: dict[str, Any] = {"from": "tables", "delay_seconds": round(delay, 4)}
    motion["delay_from"] = "estimated" if job.delay is None else "given"
    if isinstance(evidence, Seen):
        motion |= {"from": "video", "frames": len(evidence.tracks.times), "tracks": len(evidence.tracks)}
        for source, box in zip(sources, evidence.boxes, strict=True):
            source["box"] = [round(side, 1) for side in asdict(box.scaled(1 / evidence.scale)).values()]
        points = np.bincount(evidence.clusters.labels, minlength=len(evidence.clusters))
        speeds = evidence.clusters.speeds().mean(axis=0) / evidence.scale
        for entry, c in zip(clusters, evidence.kept, strict=True):
            entry |= {"points": int(points[c]), "mean_speed": round(float(speeds[c]), 2)}
    settings = {"iterations": job.method.updates, "seed": job.seed, "device": job.device}
    return {
        "schema": report.SCHEMA,
        "avfront": nmfcore.__version__,
        "mixture": {
            "path": str(job.mixture),
            "rate": sound.rate,
            "channels": len(sound.samples),
            "samples": sound.samples.shape[1],
            "seconds": round(sound.samples.shape[1] / sound.rate, 6),
        },
        "method": job.method.name,
        "settings": {**asdict(job.method), **settings, "frame": sound.frame, "hop": sound.hop},
        "motion": {**motion, "clusters": clusters},
        "sources": sources,
        "components": [
            {"cluster": int(c), "object": int(j)} for c, j in zip(np.asarray(heard.clusters), labels, strict=True)
        ],
        "objective": float(np.asarray(heard.factors.objective).ravel()[-1]),
        "peak_memory_mb": report.peak_memory_mb(),
        "machine": {
            "python": platform.python_version(),
            "system": platform.platform(),
            "backends": nmfcore.info()["backends"],
        },
    }
