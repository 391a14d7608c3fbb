"""report.json: what a job was given, what it did, and how it came out."""

import json
import math
import platform
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from avfront.job import Done, Plan

# Raised whenever a name or a meaning changes; additions leave it alone.
SCHEMA = 1


def build(plan: "Plan", done: "Done", *, timings: dict[str, float], warnings: list[str]) -> dict[str, Any]:
    """The report of a finished job as plain values: levels in dB, times in s, rates in Hz, places in m."""
    import nmfcore

    info, rate = plan.info, plan.info.rate
    by_name = {one.source: one for one in done.examples}
    sources = []
    for name in plan.names:
        entry: dict[str, Any] = {
            "name": name,
            "file": f"{name}.wav",
            "level_db": _db(done.energy[name], done.energy["mixture"]),
        }
        if name in by_name:
            entry["patterns_per_example"] = done.method.patterns(name)
            entry["examples"] = by_name[name].used
            entry["skipped"] = by_name[name].skipped
        else:
            entry["free_patterns"] = done.method.background
        sources.append(entry)
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
            "peak_db": [_db(peak**2, 1.0) for peak in done.survey.peak],
            "rms_db": [_db(rms**2, 1.0) for rms in done.survey.rms],
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
            "from": plan.microphones_from if microphones is not None else "not needed",
        },
        "sources": sources,
        "segments": [[round(start / rate, 6), round(stop / rate, 6)] for start, stop in done.spans],
        "objective": {"quantity": done.method.quantity, "history": done.objective},
        "timings": timings,
        "peak_memory_mb": peak_memory_mb(),
        "machine": {
            "python": platform.python_version(),
            "system": platform.platform(),
            "backends": nmfcore.info()["backends"],
        },
        "scores": done.scores,
        "warnings": warnings,
    }


def write(path: Path, content: dict[str, Any]) -> None:
    """Write a report as JSON (without NaN)."""
    path.write_text(dumps(content), encoding="utf-8")


def dumps(content: dict[str, Any]) -> str:
    """A report as JSON text."""
    # ASCII, because names of files may hold what no encoding has.
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def peak_memory_mb() -> float | None:
    """Largest resident memory of this process so far, in MB; None where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak * (1 if platform.system() == "Darwin" else 1024) / 1e6, 1)


def _db(power: float, reference: float) -> float | None:
    """Power in dB; None for silence, which JSON has no number for."""
    return round(10 * math.log10(power / reference), 2) if power > 0 and reference > 0 else None
