"""The whole job as a user starts it: `avfront separate` on 10 s of stereo, on an hour of 8 channels; and the import."""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from . import machine

RATE, SECONDS = 16000, 10
ROUNDS = 3
FEW = 2  # iterations
TALKER = "speech/tsp_FA"
SPEECH = ("speech/libri_198", "speech/libri_2412", "speech/arctic_aew")
NOISE = ("busy_street", "office", "wind", "concert_crowd", "doing_the_dishes")
AMBIENCE = "noise/cafe.flac"


def mixture(data: Path, path: Path, channels: int = 2, seconds: int = SECONDS, minutes: int = 0) -> None:
    """A talker and an ambience of ten arrivals at some microphones, under made-up room responses.

    `minutes` makes a long recording: the sound from its beginning again and again.
    """
    import soundfile
    from scipy.signal import fftconvolve

    rng = np.random.default_rng(4)
    decay = 10 ** (-3 * np.arange(int(0.3 * RATE)) / (0.3 * RATE))
    length = RATE * seconds

    def room(distance: float) -> np.ndarray:
        tails = 0.2 * rng.standard_normal((channels, decay.size)) * decay
        tails[:, 0] = 1
        return np.stack([np.roll(tail, int(rng.integers(0, 4)) + int(distance)) for tail in tails])

    def heard(sound: np.ndarray, distance: float) -> np.ndarray:
        return np.stack([fftconvolve(sound, h)[:length] for h in room(distance)])

    files = sorted((data / TALKER).glob("*.flac"))
    talker = np.resize(np.concatenate([soundfile.read(file)[0] for file in files]), length)
    ambience = np.resize(soundfile.read(data / AMBIENCE)[0], length)
    noise = np.sum([heard(np.roll(ambience, int(rng.integers(length))), 50) for _ in range(10)], axis=0)
    speech = heard(talker, 20)
    noise *= np.linalg.norm(speech) / np.linalg.norm(noise)
    mix = speech + noise
    samples = (0.5 * mix / np.abs(mix).max()).T
    with soundfile.SoundFile(path, "w", RATE, channels, "PCM_16", format="WAV") as file:
        for left in range(max(minutes * 60 * RATE, length), 0, -length):
            file.write(samples[:left])


def arguments(data: Path) -> list[str]:
    """Examples of other talkers and of other noises, for the command line."""
    speech = ",".join(str(sorted((data / folder).glob("*.flac"))[0]) for folder in SPEECH)
    noise = ",".join(str(data / "noise" / f"{name}.flac") for name in NOISE)
    return ["--force", "--sources", f"speech={speech}", f"noise={noise}"]


# Linux counts the memory of the process that starts a program as the program's own until it is loaded, so a
# small interpreter starts it, not this large one.
STARTER = """
import json, resource, subprocess, sys, time
start = time.perf_counter()
status = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=sys.stderr).returncode
wall = time.perf_counter() - start
print(json.dumps([status, wall, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024]))
"""


def run(command: list[str]) -> tuple[float, int]:
    """Wall time in seconds and peak memory in bytes of a program."""
    done = subprocess.run([sys.executable, "-c", STARTER, *command], capture_output=True, text=True, check=True)
    status, wall, peak = json.loads(done.stdout)
    assert status == 0, f"{' '.join(command)}\n{done.stderr}"
    return wall, peak


def repeated(benchmark: Any, mix: Path, out: Path, options: list[str], rounds: int) -> dict[str, Any]:
    """Times, memory and settings of `avfront separate`, run once to warm the disk's cache and then `rounds` times."""
    command = [sys.executable, "-P", "-m", "avfront", "separate", str(mix), "-o", str(out), *options]
    runs: list[dict[str, Any]] = []

    def job() -> None:
        wall, peak = run(command)
        timings = json.loads((out / "report.json").read_text(encoding="utf-8"))["timings"]
        algorithm = timings["dictionary"] + timings["separate"]
        runs.append({"wall_s": wall, "algorithm_s": algorithm, "peak_bytes": peak, "timings": timings})

    before, start = machine.cpu_seconds(), time.perf_counter()
    benchmark.pedantic(job, rounds=rounds, warmup_rounds=1 if rounds > 1 else 0)
    seconds = time.perf_counter() - start
    after = machine.cpu_seconds()
    kept = runs[-rounds:]
    return {
        "kind": "job",
        "settings": json.loads((out / "report.json").read_text(encoding="utf-8"))["settings"],
        "others_share_of_cpu": machine.others_share(before, after, seconds),
        "runs": kept,
        "median": {
            name: statistics.median(one[name] for one in kept) for name in ("wall_s", "algorithm_s", "peak_bytes")
        },
    }


def test_separate_job(
    data: Path, tmp_path: Path, benchmark: Any, write_result: Callable[[str, dict[str, Any]], None]
) -> None:
    pytest.importorskip("soundfile")
    mixture(data, tmp_path / "mix.wav")
    options = ["--mic-distance", "0.086", *arguments(data)]
    found = repeated(benchmark, tmp_path / "mix.wav", tmp_path / "out", options, ROUNDS)
    what = "avfront separate, 10 s of stereo at 16 kHz, 3 speech and 5 noise examples, defaults"
    write_result("separate-stereo-10s", {"what": what, **found})


@pytest.mark.parametrize(
    ("name", "minutes", "iterations", "rounds"),
    [
        ("8-channels-60s", 1, None, 2),
        ("8-channels-60s-few", 1, FEW, 1),
        ("8-channels-hour", 60, FEW, 1),
    ],
)
def test_long_recordings_of_many_channels(
    name: str,
    minutes: int,
    iterations: int | None,
    rounds: int,
    data: Path,
    tmp_path: Path,
    benchmark: Any,
    write_result: Callable[[str, dict[str, Any]], None],
) -> None:
    """Memory depends neither on the iterations nor on the length beyond a block's, so an hour needs but few."""
    pytest.importorskip("soundfile")
    mix, out = tmp_path / "mix.wav", tmp_path / "out"
    mixture(data, mix, 8, 60, minutes)
    options = arguments(data) + (["--iterations", str(iterations)] if iterations else [])
    found = repeated(benchmark, mix, out, options, rounds)
    length = "an hour" if minutes == 60 else "60 s"
    how = f"{iterations} iterations" if iterations else "defaults"
    written = sum(file.stat().st_size for file in out.iterdir())
    write_result(
        f"separate-{name}",
        {
            "what": f"avfront separate, {length} of 8 channels at 16 kHz, 3 speech and 5 noise examples, {how}",
            "read_bytes": mix.stat().st_size,
            "written_bytes": written,
            **found,
            # Of few iterations the memory alone is worth telling.
            "kind": "job memory" if iterations else "job",
        },
    )


def test_import_time(tmp_path: Path, benchmark: Any, write_result: Callable[[str, dict[str, Any]], None]) -> None:
    program = (
        "import time; start = time.perf_counter(); import nmfcore; nmfcore.nmf; print(time.perf_counter() - start)"
    )
    seconds: list[float] = []

    def one() -> None:
        done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True)
        seconds.append(float(done.stdout))

    benchmark.pedantic(one, rounds=9, warmup_rounds=1)
    write_result(
        "import-time",
        {
            "kind": "import",
            "what": "import nmfcore and its solver, in a fresh interpreter",
            "samples_s": seconds[1:],
            "median_s": statistics.median(seconds[1:]),
        },
    )
