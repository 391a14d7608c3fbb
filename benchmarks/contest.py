"""Time per iteration of several programs that do the same work, interleaved to share the machine's moods.

The time of one iteration is the difference between a long and a short fit over the difference of their
iterations: set-up, checks and results cancel. Every round times every contestant once, in rotating order, and
ratios are taken within rounds.
"""

import ctypes
import gc
import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import machine

# Between the short and the long fit there are iterations that last about this long, and at least so many times the
# set-up: their difference is to stand above its noise.
TIMED_S, TIMES_SETUP = 0.15, 4
REST_S = 0.01  # lets the thread pools of the last contestant fall asleep


@dataclass(frozen=True)
class Contestant:
    """A program under measurement.

    Attributes:
        name: as it stands in the tables.
        run: does that many iterations from the same start each time, and returns its state.
        longest: the most iterations of one fit that hold nothing but iterations (torchnmf evaluates its loss
            after every tenth); longer measurements repeat the fit.
        step: the iterations timed are a multiple of this (for a peer with extra work in every tenth).
    """

    name: str
    run: Callable[[int], Any]
    longest: int = 100_000
    step: int = 1


@dataclass(frozen=True)
class Plan:
    """How one contestant is timed: `repeats` pairs of a fit with 1 and a fit with 1 + `extra` iterations."""

    contestant: Contestant
    extra: int
    repeats: int

    def seconds(self) -> float:
        """Time of one iteration."""
        total = 0.0
        self.contestant.run(1)  # fetches the memory and wakes the threads that the contestant before has put away
        for _ in range(self.repeats):
            total += clock(self.contestant.run, 1 + self.extra) - clock(self.contestant.run, 1)
        return total / (self.repeats * self.extra)


def clock(run: Callable[[int], Any], n: int) -> float:
    """Wall time of run(n) in seconds."""
    start = time.perf_counter()
    run(n)
    return time.perf_counter() - start


def plan(contestant: Contestant) -> Plan:
    """Warm the contestant up and choose how many iterations make a measurement that can be trusted."""
    contestant.run(1)
    one = clock(contestant.run, 1)
    count = contestant.step if one > TIMED_S else 8 * contestant.step
    for _ in range(3):
        count = min(count, contestant.longest - 1)
        # A difference of two noisy times could be nothing: an iteration takes at least a hundredth of a short fit.
        iteration = max((clock(contestant.run, 1 + count) - one) / count, one / 100)
        lasting = max(TIMED_S, TIMES_SETUP * (one - iteration))
        wanted = math.ceil(lasting / iteration / contestant.step) * contestant.step
        if wanted <= count:
            break
        count = wanted
    extra = min(wanted, contestant.longest - 1)
    return Plan(contestant, extra, math.ceil(wanted / extra))


def compete(contestants: Sequence[Contestant], rounds: int, benchmark: Any = None) -> tuple[dict[str, Any], float]:
    """Times every contestant in every round: the table of :func:`compare`, and others' share of the machine.

    The first contestant is ours: pytest-benchmark's own table, where its fixture is given, shows its long fit; the
    rounds are its set-up.
    """
    plans = [plan(contestant) for contestant in contestants]
    samples: dict[str, list[float]] = {contestant.name: [] for contestant in contestants}

    def play_a_round() -> None:
        turn = len(samples[plans[0].contestant.name]) % len(plans)
        for entry in plans[turn:] + plans[:turn]:
            gc.collect()
            time.sleep(REST_S)
            samples[entry.contestant.name].append(entry.seconds())

    ours = plans[0]
    before, start = machine.cpu_seconds(), time.perf_counter()
    if benchmark is None:
        for _ in range(rounds):
            play_a_round()
    else:
        benchmark.pedantic(ours.contestant.run, args=(1 + ours.extra,), setup=play_a_round, rounds=rounds)
    others = machine.others_share(before, machine.cpu_seconds(), time.perf_counter() - start)
    table = compare(samples, ours.contestant.name)
    if benchmark is not None:
        benchmark.extra_info["times_ours"] = {name: round(row["times_ours"], 2) for name, row in table.items()}
    return table, others


def compare(samples: dict[str, list[float]], ours: str) -> dict[str, dict[str, Any]]:
    """Median time of each, and how many times longer than ours it took, round by round."""
    table: dict[str, dict[str, Any]] = {}
    for name, times in samples.items():
        each = [theirs / mine for theirs, mine in zip(times, samples[ours], strict=True)]
        table[name] = {
            "iteration_s": statistics.median(times),
            "fastest_s": min(times),
            "times_ours": statistics.median(each),
            "times_ours_range": [min(each), max(each)],
            "samples_s": times,
        }
    return table


def peak_bytes(run: Callable[[], Any]) -> int | None:
    """Memory that a call takes at its peak beyond what was there before; None where the system is silent."""
    status, refs = Path("/proc/self/status"), Path("/proc/self/clear_refs")

    def kilobytes(field: str) -> int:
        line = next(line for line in status.read_text().splitlines() if line.startswith(field))
        return int(line.split()[1])

    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)  # memory that an earlier contestant gave back is not counted as there
        refs.write_text("5")  # resets the high-water mark
        before = kilobytes("VmRSS")
        run()
        return max(kilobytes("VmHWM") - before, 0) * 1024
    except (OSError, AttributeError, StopIteration):
        return None
