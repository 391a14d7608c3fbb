"""The number of components: planted ranks, silence, what is refused."""

import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmfcore.models import select_rank

Array = NDArray[Any]


def planted(rank: int, seed: int = 0) -> Array:
    rng = np.random.default_rng(seed)
    W = np.kron(np.eye(rank), np.ones((6, 1))) * rng.gamma(3, size=(6 * rank, rank)) + 0.02
    V = W @ rng.gamma(0.5, size=(rank, 70))
    return V * rng.gamma(100, 0.01, size=V.shape)


@pytest.mark.parametrize("rank", [3, 5])
def test_finds_the_planted_rank(rank: int, backend: str) -> None:
    found = select_rank(planted(rank), range(2, 8), n_replicates=12, n_iter=300, seed=0, backend=backend)
    assert found.stable == rank
    assert found.best_held_out == rank
    assert found.objective.shape == (6, 12)
    assert (np.diff(np.median(found.objective, axis=1)) < 0).all()
    assert found.cophenetic[rank - 2] > 0.99
    assert [W.shape[1] for W in found.W] == list(range(2, 8))
    blocks = found.W[rank - 2].reshape(rank, 6, rank).sum(1)
    np.testing.assert_allclose(np.sort(blocks.max(0)), 1, atol=0.2)
    np.testing.assert_allclose(found.W[rank - 2].sum(0), 1, rtol=1e-9)


def test_hundreds_of_replicates_and_no_held_out(backend: str) -> None:
    found = select_rank(
        planted(3)[:, :20], [2, 3], n_replicates=200, held_out=0, n_iter=20, tol=0, seed=1, backend=backend
    )
    assert found.objective.shape == (2, 200)
    assert found.best_held_out is None
    assert np.isnan(found.held_out).all()
    again = select_rank(
        planted(3)[:, :20], [3, 2], n_replicates=200, held_out=0, n_iter=20, tol=0, seed=1, backend=backend
    )
    np.testing.assert_array_equal(found.objective, again.objective)


def test_silence_single_precision_and_is(backend: str) -> None:
    V = planted(3).astype(np.float32)
    V[:, 4] = V[5] = 0
    for beta in (0, 2):
        found = select_rank(V, [2, 4], n_replicates=3, beta=beta, n_iter=10, seed=0, backend=backend)
        assert np.isfinite(found.silhouette).all()
        assert np.isfinite(found.held_out).all()
    zero = select_rank(np.zeros((5, 6)), [2], n_replicates=3, n_iter=3, seed=0, backend=backend)
    assert np.isfinite(zero.silhouette).all()
    assert np.isfinite(zero.held_out).all()


def test_picture() -> None:
    pytest.importorskip("matplotlib")
    found = select_rank(planted(3), [2, 3], n_replicates=3, n_iter=5, seed=0)
    figure = found.plot()
    assert [len(axis.lines) for axis in figure.axes] == [4, 1, 2]
    figure.savefig(io.BytesIO(), format="png")


def test_without_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nmfcore.models.rank_selection.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"^select_rank needs scipy: pip install 'nmfcore\[select\]'"):
        select_rank(planted(3), [2])


def test_bad_arguments() -> None:
    V = planted(3)
    with pytest.raises(ValueError, match=r"^ranks=\[1, 2\]"):
        select_rank(V, [1, 2])
    with pytest.raises(ValueError, match=r"^ranks=\[\]"):
        select_rank(V, [])
    with pytest.raises(ValueError, match=r"^n_replicates=1"):
        select_rank(V, [2], n_replicates=1)
    with pytest.raises(ValueError, match=r"^held_out=0.6"):
        select_rank(V, [2], held_out=0.6)
    with pytest.raises(ValueError, match=r"^V must be one matrix"):
        select_rank(np.stack([V, V]), [2])
    with pytest.raises(ValueError, match=r"^V contains NaN"):
        select_rank(V * np.nan, [2])
