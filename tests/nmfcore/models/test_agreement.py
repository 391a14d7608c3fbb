"""What replicates agree on, against plain definitions."""

import numpy as np
import pytest

from nmfcore.models.agreement import agree, cophenetic_correlation


def test_silhouette_is_scikit_learns(rng: np.random.Generator) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    truth = rng.random((8, 3))
    W = np.stack([(truth + 0.1 * rng.random((8, 3)))[:, rng.permutation(3)] for _ in range(6)])
    mean, least, _ = agree(W)
    unit = W / np.linalg.norm(W, axis=1, keepdims=True)
    flat = np.moveaxis(unit, 1, 2).reshape(-1, 8)
    labels = (flat @ (truth / np.linalg.norm(truth, axis=0))).argmax(1)
    each = metrics.silhouette_samples(flat, labels, metric="cosine")
    assert mean == pytest.approx(each.mean(), rel=1e-9)
    assert least == pytest.approx(min(each[labels == k].mean() for k in range(3)), rel=1e-9)


def test_cophenetic_correlation(rng: np.random.Generator) -> None:
    same = rng.random((1, 3, 20))
    assert cophenetic_correlation(np.concatenate([same, same[:, ::-1], same])) == 1
    random = cophenetic_correlation(rng.random((30, 3, 20)))
    assert 0 < random < 0.9
