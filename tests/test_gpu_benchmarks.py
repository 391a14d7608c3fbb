"""The GPU benchmarks run from end to end, at tiny sizes on the emulated device."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = f"""
import runpy, sys
sys.path.append({str(ROOT)!r})  # last, so that the sources do not hide the installed package
runpy.run_module("benchmarks.gpu", run_name="__main__", alter_sys=True)
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-c", PROGRAM, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_results_are_written(tmp_path: Path) -> None:
    pytest.importorskip("torchnmf")
    only = ("kl-clips-1", "is-fixed", "em-2ch-2", "separate")
    done = run("--emulated", "--output", str(tmp_path), "--only", *only)
    assert done.returncode == 0, done.stderr
    found = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in tmp_path.glob("*.json")}
    assert sorted(found) == ["gpu-em-2ch-2", "gpu-is-fixed-513x400-k320", "gpu-kl-clips-1", "gpu-separate-stereo"]
    clips = found["gpu-kl-clips-1"]
    assert set(clips["contestants"]) >= {"nmfcore fp32", "nmfcore tf32x3", "nmfcore tf32", "torchnmf", "cupy formulas"}
    assert clips["contestants"]["nmfcore tf32x3"]["error"] < 1e-6
    assert {"device", "date", "kernel_sha256", "ceilings"} <= set(clips)


def test_the_cases_for_the_sanitizer_exist() -> None:
    """Their names, with the emulated device in the place of the GPU."""
    names = {"ROOT": str(ROOT), "check": "from benchmarks.gpu.checks import SANITIZED; print(*SANITIZED, sep=chr(10))"}
    listing = [sys.executable, "-P", "-c", f"import sys; sys.path.append({names['ROOT']!r}); {names['check']}"]
    cases = subprocess.run(listing, capture_output=True, text=True, check=True).stdout.replace("cuda:", "emulated:")
    command = [sys.executable, "-P", "-m", "pytest", "--collect-only", "-q", *cases.split()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_without_a_gpu_one_sentence() -> None:
    from nmfcore.backends import cuda

    if cuda.present():
        pytest.skip("there is a GPU")
    done = run()
    assert done.returncode == 1
    assert done.stderr.startswith("make bench-gpu needs an NVIDIA GPU")
