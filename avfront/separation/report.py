"""The report of a separation job."""

from dataclasses import asdict
from typing import Any

import numpy as np

from avfront.methods.base import AZIMUTHS
from avfront.report import SCHEMA, decibels, machine, peak_memory_mb
from avfront.separation.job import Done, Plan

ACTIVITY_COLUMNS = 200  # at most, in which the activity of examples over time is told


def build(plan: Plan, done: Done, *, timings: dict[str, float], warnings: list[str]) -> dict[str, Any]:
    """The report of a finished job as plain values: levels in dB, times in s, rates in Hz, places in m."""
    import nmfcore

    info, rate = plan.info, plan.info.rate
    microphones = plan.microphones if done.method.name == "spatial" else None
    return {
        "schema": SCHEMA,
        "avfront": nmfcore.__version__,
        "mixture": {
            "path": str(info.path),
            "format": info.format,
            "subtype": info.subtype,
            "rate": rate,
            "channels": info.channels,
            "samples": done.survey.frames,
            "seconds": round(done.survey.frames / rate, 6),
            "peak_db": [decibels(peak**2, 1.0) for peak in done.survey.peak],
            "rms_db": [decibels(rms**2, 1.0) for rms in done.survey.rms],
            "clipped_samples": done.survey.clipped,
        },
        "method": done.method.name,
        "settings": {
            **asdict(done.method),  # type: ignore[call-overload]
            "seed": plan.job.seed,
            "device": plan.job.device,
            "frame": done.frame,
            "hop": done.frame // 2,
            "example_seconds": plan.job.example_seconds,
        },
        "microphones": {
            "positions_m": None if microphones is None else microphones.tolist(),
            "from": plan.microphones_from if done.method.name == "spatial" else "not needed",
        },
        "sources": _sources(plan, done),
        "segments": [[round(start / rate, 6), round(stop / rate, 6)] for start, stop in done.spans],
        "objective": {"quantity": done.method.quantity, "history": done.objective},
        "timings": timings,
        "peak_memory_mb": peak_memory_mb(),
        "machine": machine(),
        "scores": done.scores,
        "warnings": warnings,
    }


def _sources(plan: Plan, done: Done) -> list[dict[str, Any]]:
    examples = {one.source: one for one in done.examples}
    powers = {name: sum(one.power[name] for one in done.separated) for name in plan.names}
    found = []
    for name in plan.names:
        entry: dict[str, Any] = {
            "name": name,
            "file": f"{name}.wav",
            "level_db": decibels(done.energy[name], done.energy["mixture"]),
            "snr_db": decibels(powers[name], sum(powers.values()) - powers[name]),
            "spatial_start": next((one.start[name] for one in done.separated if name in one.start), None),
            "spatial_spectrum": _spectrum(done, name),
        }
        if name in examples:
            entry["patterns_per_example"] = done.method.patterns(name)
            entry["examples"] = examples[name].used
            entry["example_activity"] = _activity(done, name)
            entry["skipped"] = examples[name].skipped
        else:
            entry["free_patterns"] = done.method.background
        found.append(entry)
    return found


def _activity(done: Done, name: str) -> list[list[float]]:
    """How much each example of a source plays over time: for each the share of the source's loudest moment, 0…1."""
    parts = [one.usage[name] for one in done.separated if name in one.usage]
    if not parts:
        return []
    usage = np.concatenate(parts, axis=1, dtype=np.float64)  # (P, N)
    edges = np.linspace(0, usage.shape[1], min(ACTIVITY_COLUMNS, usage.shape[1]) + 1).astype(int)
    columns = np.add.reduceat(usage, edges[:-1], axis=1) / np.diff(edges)
    found: list[list[float]] = (columns / max(float(columns.sum(axis=0).max()), 1e-300)).round(4).tolist()
    return found


def _spectrum(done: Done, name: str) -> dict[str, list[float]] | None:
    """The spatial spectrum of a source, as at the end; None where the microphones' places are not known."""
    found = [one.spectrum[name] for one in done.separated if name in one.spectrum]
    return {"azimuth_deg": list(AZIMUTHS), "value": found[-1].round(4).tolist()} if found else None
