"""report.json: what a job was given, what it did, and how it came out, as plain values."""

import json
import math
import platform
from pathlib import Path
from typing import Any

# Raised whenever a name or a meaning changes; additions leave it alone.
SCHEMA = 1


def write(path: Path, content: dict[str, Any]) -> None:
    """Write a report as JSON (without NaN)."""
    path.write_text(dumps(content), encoding="utf-8")


def dumps(content: Any) -> str:
    """A report, or several, as JSON text."""
    # ASCII, because names of files may hold what no encoding has.
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def machine() -> dict[str, Any]:
    """Where a job ran: ``python``, ``system``, and nmfcore's ``backends``."""
    import nmfcore

    backends = nmfcore.info()["backends"]
    return {"python": platform.python_version(), "system": platform.platform(), "backends": backends}


def peak_memory_mb() -> float | None:
    """Largest resident memory of this process so far, in MB; None where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak * (1 if platform.system() == "Darwin" else 1024) / 1e6, 1)


def decibels(power: float, reference: float) -> float | None:
    """Power in dB; None for silence, which JSON has no number for."""
    return round(10 * math.log10(power / reference), 2) if power > 0 and reference > 0 else None
