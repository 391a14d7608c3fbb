"""What is checked on a GPU before anything is timed: its own tests, and compute-sanitizer over a few small cases."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec

from ..machine import ROOT

PYTEST = [sys.executable, *(["-P"] if sys.flags.safe_path else []), "-m", "pytest", "-q"]
FACTOR, SPATIAL = (f"tests/nmfcore/backends/test_{name}.py" for name in ("factor", "spatial"))
SANITIZED = [
    *(f"{FACTOR}::test_gradient[cuda:{how}-{b}-False-float32]" for how in ("fp32", "tf32x3") for b in (0.0, 1.0)),
    *(f"{FACTOR}::test_a_second_run_gives_the_same_bits[cuda:{how}-0.0-float32]" for how in ("fp32", "tf32x3")),
    *(f"{SPATIAL}::test_step[cuda:fp32-size{n}-complex64-True]" for n in (3, 7)),  # in registers, in shared memory
]
TOOLS = ("memcheck", "racecheck", "synccheck")
TESTS_S, SANITIZER_S = 420, 120  # what hangs is given up


def check() -> dict[str, str]:
    """Each check with its outcome in a few words; one that fails keeps nothing else from being done."""
    workers = ["-n", str(min(os.cpu_count() or 1, 12))] if find_spec("xdist") else []
    commands = {"pytest -m gpu": ([*PYTEST, "-m", "gpu", *workers, "tests/nmfcore"], TESTS_S)}
    sanitizer = shutil.which("compute-sanitizer")
    for tool in TOOLS if sanitizer else ():
        commands[tool] = ([str(sanitizer), "--tool", tool, "--error-exitcode", "9", *PYTEST, *SANITIZED], SANITIZER_S)
    outcomes = {} if sanitizer else dict.fromkeys(TOOLS, "compute-sanitizer is not installed")
    for name, (command, seconds) in commands.items():
        outcomes[name] = _outcome(command, seconds)
        print(f"{name}: {outcomes[name]}", flush=True)
    return outcomes


def _outcome(command: list[str], seconds: float) -> str:
    try:
        done = subprocess.run(command, cwd=ROOT, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return f"not done after {seconds:.0f} s"
    return "passed" if done.returncode == 0 else f"failed with status {done.returncode}"
