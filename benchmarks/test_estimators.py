"""nmfcore's estimators beside scikit-learn's, the same data, start and options: time of one iteration of a fit."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pytest
import scipy.sparse
import sklearn.decomposition

import nmfcore

from .contest import Contestant, compete
from .nmf_programs import spectrogram

ROUNDS = 5


@dataclass(frozen=True)
class Fit:
    """One workload of the estimators.

    Attributes:
        name: of the result file.
        what: one line for the tables.
        X: makes the data (n_samples, n_features).
        options: of the estimator.
        estimator: its name in both libraries.
    """

    name: str
    what: str
    X: Callable[[], Any]
    options: dict[str, Any]
    estimator: str = "NMF"
    rank: int = field(default=20)


def dense(beta: float, samples: int, features: int, dtype: str) -> Any:
    """A made-up spectrogram, frames as samples."""
    return spectrogram(np.random.default_rng(0), features, samples, beta).T.astype(dtype, order="C")


def counts(samples: int, features: int, density: float, dtype: str) -> Any:
    """Documents by words: a sparse matrix in which few words make most of the counts."""
    rng = np.random.default_rng(0)
    X = scipy.sparse.random_array((samples, features), density=density, format="csr", rng=rng, dtype=np.float64)
    X.data = 1.0 + rng.poisson(1.0, X.nnz)
    return X.astype(dtype)


MU = {"solver": "mu"}
FITS = (
    Fit("cd-513", "Frobenius, cd, 1300 × 513", partial(dense, 2, 1300, 513, "float64"), {"solver": "cd"}, rank=20),
    Fit("cd-2049", "Frobenius, cd, 1300 × 2049", partial(dense, 2, 1300, 2049, "float32"), {"solver": "cd"}, rank=45),
    Fit("mu-513", "Frobenius, mu, 1300 × 513", partial(dense, 2, 1300, 513, "float64"), MU, rank=20),
    Fit("mu-2049", "Frobenius, mu, 1300 × 2049", partial(dense, 2, 1300, 2049, "float32"), MU, rank=45),
    *(
        Fit(
            f"{short}-{features}-{dtype}",
            f"{name}, mu, {samples} × {features}, {dtype}",
            partial(dense, beta, samples, features, dtype),
            {**MU, "beta_loss": beta},
            rank=rank,
        )
        for short, name, beta in (("kl", "Kullback–Leibler", 1), ("is", "Itakura–Saito", 0))
        for samples, features, rank in ((313, 513, 20), (1300, 2049, 45))
        for dtype in ("float32", "float64")
    ),
    *(
        Fit(
            f"sparse-kl-k{rank}",
            "Kullback–Leibler, 98 % zeros, 5000 × 4000",
            partial(counts, 5000, 4000, 0.02, "float64"),
            {**MU, "beta_loss": 1},
            rank=rank,
        )
        for rank in (10, 100)
    ),
    Fit(
        "sparse-cd",
        "Frobenius, cd, 98 % zeros, 5000 × 4000",
        partial(counts, 5000, 4000, 0.02, "float64"),
        {"solver": "cd"},
        rank=50,
    ),
    *(
        Fit(
            f"minibatch-beta{beta}",
            f"mini-batches of 1024, β = {beta}, 8192 × 513",
            partial(dense, beta, 8192, 513, "float64"),
            {"beta_loss": beta, "max_no_improvement": None},
            estimator="MiniBatchNMF",
            rank=20,
        )
        for beta in (0, 1, 2)
    ),
)


def contestants(fit: Fit) -> list[Contestant]:
    """Ours first; both begin at the same factors and never stop by themselves."""
    X = fit.X()
    rng = np.random.default_rng(1)
    level = np.sqrt(X.mean() / fit.rank)
    W = (level * rng.uniform(0.5, 1.5, (X.shape[0], fit.rank))).astype(X.dtype)
    H = (level * rng.uniform(0.5, 1.5, (fit.rank, X.shape[1]))).astype(X.dtype)

    def run(library: Any, n: int) -> Any:
        options = {**fit.options, "init": "custom", "tol": 0.0, "max_iter": n}
        model = getattr(library, fit.estimator)(fit.rank, **options)
        return model.fit_transform(X, W=W.copy(), H=H.copy()), model.components_

    return [
        Contestant("nmfcore", partial(run, nmfcore)),
        Contestant("scikit-learn", partial(run, sklearn.decomposition)),
    ]


@pytest.mark.parametrize("fit", FITS, ids=lambda fit: fit.name)
def test_fit(fit: Fit, benchmark: Any, write_result: Callable[[str, dict[str, Any]], None]) -> None:
    entries = contestants(fit)
    ours, theirs = (entry.run(3) for entry in entries)
    table, others = compete(entries, ROUNDS, benchmark)
    difference = max(float(np.linalg.norm(a - b) / np.linalg.norm(b)) for a, b in zip(ours, theirs, strict=True))
    write_result(
        f"estimator-{fit.name}",
        {
            "kind": "estimator",
            "what": f"{fit.what}, K = {fit.rank}",
            "options": fit.options,
            "difference_after_3": difference,
            "others_share_of_cpu": others,
            "contestants": table,
        },
    )
