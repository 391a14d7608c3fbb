"""The command line of separation by motion, run by itself: what it takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def separate(video: Path, output: Path, *options: str) -> dict[str, Any]:
    """Seconds, seconds of one core, and MB of `avfront separate VIDEO --motion`, and what it found.

    Raises:
        RuntimeError: if it fails, with what it said.
    """
    command = [sys.executable, "-m", "avfront", "separate", str(video), "--motion", "-o", str(output), "--json"]
    begin = time.perf_counter()
    process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, said = process.stdout, process.stderr
    assert out is not None
    assert said is not None
    report, errors = out.read(), said.read()
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"{' '.join(command)}: {errors.decode().strip()}")
    found = json.loads(report)
    return {
        "seconds": time.perf_counter() - begin,
        "cpu_seconds": used.ru_utime + used.ru_stime,
        "peak_mb": used.ru_maxrss / 1000,
        "objects": len(found["sources"]),
        "warnings": found["warnings"],
    }
