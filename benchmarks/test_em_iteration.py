"""One EM iteration of the full-rank local Gaussian model beside its peers: 2 sources, 513 × 313, 2 to 8 channels.

ssspy's GaussMNMF is the same model with NMF variances (multiplicative updates of the covariances);
pyroomacoustics' fastmnmf2 restricts the covariances to be jointly diagonalizable: a cheaper, different model.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import nmfcore

from .contest import Contestant, compete, peak_bytes

BINS, FRAMES, SOURCES, PATTERNS = 513, 313, 2, 8
Array = NDArray[Any]


def mixture(channels: int) -> tuple[Array, Array]:
    """X (I, F, N) complex64 drawn from the model, and starting covariances (J, F, I, I)."""
    rng = np.random.default_rng(3)
    shape = (SOURCES, BINS, 1, channels, channels)
    mixing = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
    v = rng.gamma(0.3, size=(SOURCES, BINS, FRAMES)) + 1e-4
    noise = rng.standard_normal((SOURCES, BINS, FRAMES, channels, 2)).view(complex)
    images = np.sqrt(v)[..., None, None] * (mixing @ noise)
    X = np.moveaxis(images.sum(0)[..., 0], -1, 0)
    start = np.tile(np.eye(channels), (SOURCES, BINS, 1, 1)).astype(complex)
    start[0, :, 0, 1] = start[0, :, 1, 0] = 0.5
    return np.ascontiguousarray(X, np.complex64), start


def ours(X: Array, R: Array, variances: str, backend: str) -> Contestant:
    """nmfcore; "free": E step and M step of v and R alone; "nmf": v_j = W_j H_j updated as well, once."""
    names = tuple(f"source {j + 1}" for j in range(SOURCES))

    def run(n: int) -> nmfcore.spatial.LocalGaussianModel:
        return nmfcore.spatial.fit(
            X,
            variance_model=variances,
            sources=names,
            R=R,
            n_components=PATTERNS,
            n_iter=n,
            n_inner=1,
            update="em",
            seed=0,
            backend=backend,
        )

    return Contestant(f"nmfcore {backend}", run)


def ssspy(X: Array) -> Contestant:
    from ssspy.bss.mnmf import GaussMNMF

    def run(n: int) -> Array:
        model = GaussMNMF(n_basis=PATTERNS, n_sources=SOURCES, record_loss=False, rng=np.random.default_rng(0))
        separated: Array = model(X, n_iter=n)
        return separated

    return Contestant("ssspy GaussMNMF", run)


def fastmnmf2(X: Array) -> Contestant:
    from pyroomacoustics.bss import fastmnmf2 as separate

    frames_first = np.ascontiguousarray(X.transpose(2, 1, 0))  # (N, F, I)

    def run(n: int) -> Array:
        # It draws its start from NumPy's global generator.
        np.random.seed(0)
        separated: Array = separate(frames_first, n_src=SOURCES, n_iter=n, n_components=PATTERNS)
        return separated

    return Contestant("pyroomacoustics fastmnmf2", run, step=10)


@pytest.mark.parametrize(("channels", "variances"), [(2, "free"), (2, "nmf"), (4, "free"), (8, "free")])
def test_em_iteration(
    channels: int,
    variances: str,
    benchmark: Any,
    ceilings: Callable[[], dict[str, float]],
    write_result: Callable[[str, dict[str, Any]], None],
) -> None:
    X, R = mixture(channels)
    fastest, *rest = nmfcore.backends.available()
    mine = [ours(X, R, variances, name) for name in (fastest, *rest) if channels == 2 or name != "reference"]
    entries = [mine[0], ssspy(X), fastmnmf2(X), *mine[1:]]
    if channels > 2:  # an iteration of ssspy's takes tens of seconds
        entries = [entry for entry in entries if "ssspy" not in entry.name]
    truth = ours(X.astype(np.complex128), R, variances, "reference").run(1)
    ceilings()
    table, others = compete(entries, 5, benchmark)
    best = ceilings()
    for entry in entries:
        table[entry.name]["error"] = None
        table[entry.name]["peak_bytes"] = peak_bytes(lambda run=entry.run: run(1))  # type: ignore[misc]
    for entry in mine:
        model = entry.run(1)
        table[entry.name]["error"] = max(
            float(np.linalg.norm(a - b) / np.linalg.norm(b)) for a, b in ((model.v, truth.v), (model.R, truth.R))
        )
    write_result(
        f"em-{variances}-{channels}x513x313-j2",
        {
            "kind": "em",
            "what": {
                "free": f"EM, {channels} channels, 2 sources, 513 × 313",
                "nmf": f"EM, {channels} channels, NMF variances, {PATTERNS} patterns per source",
            }[variances],
            "ours": entries[0].name,
            "ceilings": best,
            "others_share_of_cpu": others,
            "contestants": table,
        },
    )
