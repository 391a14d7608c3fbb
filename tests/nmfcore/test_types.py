"""The types as a strict checker of a user's own program sees them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import nmfcore

pytest.importorskip("mypy")

PROGRAM = """
import numpy as np
import nmfcore
from nmfcore import NMF, MiniBatchNMF, Result, masks, metrics, models, nmf, non_negative_factorization, spatial, stft
from nmfcore.penalties import L1, L2, GroupSparsity, Penalty, Smoothness

V = np.ones((4, 5), np.float32)
fit: Result = nmf(V, 2, penalties=[L1(0.1)], callback=lambda iteration, values: iteration > 3)
both: list[Penalty] = [L2(0.1, "W"), Smoothness(0.2)]
nmf([V, V], [2, 3], beta="frobenius", penalties=both, tol=lambda first, before, now: before - now < 1)
model: NMF = NMF(3, solver="mu").fit(V)
online: MiniBatchNMF = MiniBatchNMF(3).partial_fit(V).fit(V)
spectrum = nmfcore.stft(V)
from nmfcore import nothing
"""


def test_a_strict_program_is_fine_but_for_a_name_that_is_not(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    home = Path(nmfcore.__file__).parent.parent
    # An installed package is found by itself, and mypy wants no site-packages on its path.
    path = {} if home.name == "site-packages" else {"MYPYPATH": str(home)}
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "program.py"],
        cwd=tmp_path,
        env={**os.environ, **path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert [line for line in done.stdout.splitlines() if ": error: " in line] == [
        'program.py:14: error: Module "nmfcore" has no attribute "nothing"  [attr-defined]'
    ], done.stdout + done.stderr
