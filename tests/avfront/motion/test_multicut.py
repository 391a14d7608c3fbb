"""The heuristics against the best of all partitions, and against a planted one."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avfront.motion.multicut import cut, multicut


def partitions(count: int) -> Iterator[list[int]]:
    """All ways to put `count` nodes into clusters."""

    def grow(labels: list[int]) -> Iterator[list[int]]:
        if len(labels) == count:
            yield labels
            return
        for label in range(max(labels, default=-1) + 2):
            yield from grow([*labels, label])

    return grow([])


def complete(nodes: int) -> np.ndarray:
    return np.array([(a, b) for a in range(nodes) for b in range(a)])


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 7), st.integers(0, 10**6))
def test_near_the_best_of_all(nodes: int, seed: int) -> None:
    edges = complete(nodes)
    weights = np.random.default_rng(seed).standard_normal(len(edges))
    best = min(cut(edges, weights, np.array(labels)) for labels in partitions(nodes))
    found = multicut(nodes, edges, weights)
    assert set(found) == set(range(found.max() + 1))
    assert cut(edges, weights, found) <= 0.5 * best  # costs are negative, or zero when all are joined
    assert (np.diff(np.bincount(found)) <= 0).all()


def test_mostly_the_best_of_all() -> None:
    edges, hits = complete(7), 0
    for seed in range(40):
        weights = np.random.default_rng(seed).standard_normal(len(edges))
        best = min(cut(edges, weights, np.array(labels)) for labels in partitions(7))
        hits += cut(edges, weights, multicut(7, edges, weights)) < best + 1e-9
    assert hits >= 36


@pytest.mark.parametrize("clusters", [1, 3, 8])
def test_a_planted_partition_is_found(clusters: int) -> None:
    rng = np.random.default_rng(clusters)
    truth = np.sort(rng.integers(0, clusters, 300))
    edges = rng.integers(0, 300, (6000, 2))
    edges = edges[edges[:, 0] != edges[:, 1]]
    same = truth[edges[:, 0]] == truth[edges[:, 1]]
    weights = np.where(same, 1.0, -1.0) + 0.7 * rng.standard_normal(len(edges))
    found = multicut(300, edges, weights)
    assert cut(edges, weights, found) <= cut(edges, weights, truth) + 1e-9
    pairs = (truth[:, None] == truth) == (found[:, None] == found)
    assert pairs.mean() > 0.99


def test_refinement_undoes_a_greedy_mistake() -> None:
    # The heaviest edge, contracted first, ties 1 to the wrong side.
    edges, weights = [(0, 1), (1, 2), (1, 3), (2, 3), (0, 2), (0, 3)], [3.0, 2.5, 2.5, 2.0, -2.0, -2.0]
    assert multicut(4, edges, weights).tolist() == [1, 0, 0, 0]


def test_parallel_edges_add_up_and_lone_nodes_stay_alone() -> None:
    assert multicut(3, [(0, 1), (1, 0)], [1.0, -2.0]).tolist() == [0, 1, 2]
    assert multicut(3, [(0, 1), (1, 0)], [2.0, -1.0]).tolist() == [0, 0, 1]
    assert multicut(0, [], []).tolist() == []


@pytest.mark.parametrize(
    ("edges", "weights", "word"),
    [
        ([(0, 3)], [1.0], "edges"),
        ([(1, 1)], [1.0], "edges"),
        ([(0, 1)], [np.nan], "weights"),
        ([(0, 1)], [], "weights"),
    ],
)
def test_bad_graphs(edges: list[tuple[int, int]], weights: list[float], word: str) -> None:
    with pytest.raises(ValueError, match=f"^{word} must"):
        multicut(3, edges, weights)
