"""Multichannel NMF by nmfcore and by ssspy, from the same start: the likelihood that each of them reaches.

    python -m benchmarks.quality.likelihood [--starts N]
    python -m benchmarks.quality.likelihood --show         the table from the kept result

Both climb the likelihood of the same model (v_j = W_j H_j, full-rank R_j: Sawada et al., TASLP 2013) on every fourth
bin of simulated rooms. It is computed by NumPy alone, for either program's parameters, per bin and frame.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmfcore import spatial, stft

from . import recordings, tables
from .mixtures import mixtures

Array = NDArray[Any]
NAME = "quality-likelihood"
TITLE = "Multichannel NMF: likelihood from the same start"
COUNTS = (20, 100, 400)  # iterations
PATTERNS = 4  # of each source
FRAMES = 150


def measure(starts: int) -> dict[str, Any]:
    """Both programs, from `starts` random starts on as many recordings; kept after each."""
    from ssspy.bss.mnmf import GaussMNMF

    result = tables.stamp(NAME, 0) | {"counts": COUNTS, "starts": []}
    for seed, mixture in enumerate(mixtures(starts)):
        X = stft(mixture.mix, 1024)[:, ::4, :FRAMES]
        X = X / np.sqrt(np.mean(np.abs(X) ** 2))
        channels, bins, frames = X.shape
        rng = np.random.default_rng(seed)
        W, H = rng.uniform(0.1, 1, (2, bins, PATTERNS)), rng.uniform(0.1, 1, (2, PATTERNS, frames))
        R = np.tile(np.eye(channels) + 0j, (2, bins, 1, 1))
        R[1] += 0.5 * (1 - np.eye(channels))
        entry: dict[str, Any] = {"mixture": mixture.name, "nmfcore": [], "ssspy": [], "seconds": {}}
        theirs = {"basis": W.copy(), "activation": H.copy(), "spatial": R.copy()}
        began, done = time.perf_counter(), 0
        for count in COUNTS:
            peer = GaussMNMF(PATTERNS, 2, record_loss=False)
            peer(X, n_iter=count - done, **theirs)
            theirs, done = {name: getattr(peer, name) for name in theirs}, count
            entry["ssspy"].append(log_likelihood(X, peer.basis @ peer.activation, peer.spatial))
        entry["seconds"]["ssspy"] = round(time.perf_counter() - began, 2)
        start = spatial.LocalGaussianModel(v=W @ H, R=R, sources=("a", "b"), log_likelihood=(), W=W, H=H)
        for count in COUNTS:
            began = time.perf_counter()
            ours = spatial.fit(X, sources=start.sources, n_components=PATTERNS, resume=start, n_iter=count)
            entry["seconds"]["nmfcore"] = round(time.perf_counter() - began, 2)
            entry["nmfcore"].append(log_likelihood(X, ours.v, ours.R))
        result["starts"].append(entry)
        tables.write(NAME, result)
        print(mixture.name, entry["nmfcore"], entry["ssspy"], file=sys.stderr, flush=True)
    return result


def log_likelihood(X: Array, v: Array, R: Array) -> float:
    """Per bin and frame, of a mixture (I, F, N) under variances (J, F, N) and covariances (J, F, I, I)."""
    cov = np.einsum("jfn,jfab->fnab", v, R)
    x = np.moveaxis(X, 0, -1)[..., None]
    quadratic = (x.conj().swapaxes(-1, -2) @ np.linalg.solve(cov, x)).real[..., 0, 0]
    return float(-np.mean(quadratic + np.linalg.slogdet(np.pi * cov)[1]))


def table(result: dict[str, Any]) -> str:
    """The Markdown table."""
    rows = []
    for at, count in enumerate(result["counts"]):
        ours, theirs = (np.array([one[name][at] for one in result["starts"]]) for name in ("nmfcore", "ssspy"))
        lead = ours - theirs
        rows.append([f"{count}", f"{ours.mean():.4f}", f"{theirs.mean():.4f}", f"{lead.min():+.4f}…{lead.max():+.4f}"])
    seconds = [np.median([one["seconds"][name] for one in result["starts"]]) for name in ("nmfcore", "ssspy")]
    rows.append([f"seconds for {result['counts'][-1]}", *(f"{one:.1f}" for one in seconds), ""])
    return tables.markdown(["iterations", "nmfcore", "ssspy GaussMNMF", "lead, least…most"], rows)


def caption(result: dict[str, Any]) -> str:
    """What the table shows."""
    return (
        f"Mean log-likelihood per bin and frame of multichannel NMF, {PATTERNS} patterns a source, from the same start"
        f" on {len(result['starts'])} simulated recordings by two microphones."
        f" {result['machine']['cpu']}, {result['date']}."
    )


def headline(result: dict[str, Any]) -> str:
    """The whole table: it is short."""
    return table(result)


def draw(result: dict[str, Any]) -> None:
    """The picture: how far ahead, by iterations."""
    leads = np.array([np.subtract(one["nmfcore"], one["ssspy"]) for one in result["starts"]]).T
    tables.bars(
        tables.PICTURES / f"{NAME}.png",
        [f"{count} iterations" for count in result["counts"]],
        leads.tolist(),
        ["#2f5c9e"] * len(leads),
        "log-likelihood per bin and frame, nmfcore minus ssspy (dots: starts)",
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality.likelihood", description=__doc__.split("\n")[0])
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--show", action="store_true", help="only show the kept result")
    options = parser.parse_args(arguments)
    if not options.show:
        recordings.folder()
        measure(options.starts)
    result = tables.read(NAME)
    print(table(result), caption(result), sep="\n\n")
    draw(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
