"""What a motion job tells of itself: its report, as plain values."""

from dataclasses import asdict
from typing import Any

import numpy as np

from avfront import report
from avfront.motion.evidence import Seen
from avfront.motion_job.job import Done


def describe(done: Done) -> dict[str, Any]:
    """Plain values: levels in dB, times in s, rates in Hz, boxes and speeds in pixels of the video."""
    import nmfcore

    job, sound, heard = done.job, done.sound, done.heard
    components = zip(np.asarray(heard.clusters), np.asarray(heard.factors.labels), strict=True)
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
        "settings": {
            **asdict(job.method),
            "iterations": job.method.updates,
            "seed": job.seed,
            "device": job.device,
            "frame": sound.frame,
            "hop": sound.hop,
        },
        "motion": _motion(done),
        "sources": _sources(done),
        "components": [{"cluster": int(cluster), "object": int(j)} for cluster, j in components],
        "objective": float(np.asarray(heard.factors.objective).ravel()[-1]),
        "peak_memory_mb": report.peak_memory_mb(),
        "machine": report.machine(),
    }


def _sources(done: Done) -> list[dict[str, Any]]:
    power = {name: float(np.square(samples, dtype=np.float64).sum()) for name, samples in done.sounds.items()}
    whole = float(np.square(done.sound.samples, dtype=np.float64).sum())
    labels = np.asarray(done.heard.factors.labels)
    found: list[dict[str, Any]] = [
        {
            "name": name,
            "file": f"{name}.wav",
            "level_db": report.decibels(own, whole),
            "snr_db": report.decibels(own, sum(power.values()) - own),
            "components": np.flatnonzero(labels == j).tolist(),
            "sounding_cluster": int(done.heard.sounding[j]),
        }
        for j, (name, own) in enumerate(power.items())
    ]
    if isinstance(done.evidence, Seen):
        for source, box in zip(found, done.evidence.boxes, strict=True):
            source["box"] = [round(side, 1) for side in asdict(box.scaled(1 / done.evidence.scale)).values()]
    return found


def _motion(done: Done) -> dict[str, Any]:
    """How it was found and which clusters it has."""
    evidence = done.evidence
    clusters: list[dict[str, Any]] = [{"object": evidence.names[int(j)]} for j in done.motions.sources]
    motion: dict[str, Any] = {
        "from": "tables",
        "delay_seconds": round(done.delay, 4),
        "delay_from": "estimated" if done.job.delay is None else "given",
    }
    if isinstance(evidence, Seen):
        motion |= {"stands_out": evidence.stands_out}
        motion |= {"from": "video", "frames": len(evidence.tracks.times), "tracks": len(evidence.tracks)}
        points = np.bincount(evidence.clusters.labels, minlength=len(evidence.clusters))
        speeds = evidence.clusters.speeds().mean(axis=0) / evidence.scale
        for entry, c in zip(clusters, evidence.kept, strict=True):
            entry |= {"points": int(points[c]), "mean_speed": round(float(speeds[c]), 2)}
    return {**motion, "clusters": clusters}
