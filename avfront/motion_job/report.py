"""What a motion job tells of itself: its report, as plain values."""

import platform
from dataclasses import asdict
from typing import Any

import numpy as np

from avfront import report
from avfront.motion.evidence import Seen
from avfront.motion_job.job import Done


def describe(done: Done) -> dict[str, Any]:
    """Plain values: levels in dB, times in s, rates in Hz, boxes and speeds in pixels of the video."""
    import nmfcore

    job, evidence, sound, sounds, heard = done.job, done.evidence, done.sound, done.sounds, done.heard
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
    clusters: list[dict[str, Any]] = [{"object": names[int(j)]} for j in done.motions.sources]
    motion: dict[str, Any] = {"from": "tables", "delay_seconds": round(done.delay, 4)}
    motion["delay_from"] = "estimated" if job.delay is None else "given"
    if isinstance(evidence, Seen):
        motion |= {"stands_out": evidence.stands_out}
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
