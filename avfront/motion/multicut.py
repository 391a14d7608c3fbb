"""Minimum-cost multicut of a graph: clusters whose number nobody gives.

An edge of positive weight says that its two nodes belong together, of negative weight that they do not. Wanted are the
clusters that cut the least total weight. Finding them is NP-hard; two heuristics in a row come near: greedy additive
edge contraction, then Kernighan-Lin moves between clusters, joins and splits (Keuper et al. 2015, Efficient
decomposition of image and mesh graphs by lifted multicuts, algorithms 1 and 2, without lifted edges).
"""

import heapq
from typing import Any

import numpy as np
import numpy.typing as npt

Graph = list[dict[int, float]]  # neighbour -> weight, for every node
_MOVES_PAST_BEST = 8  # without a new best, before a sequence of moves is given up
_ENOUGH = 1e-9  # gain in weight that counts as one


def multicut(nodes: int, edges: Any, weights: Any, *, rounds: int = 5) -> npt.NDArray[np.int64]:
    """Cluster of each node, numbered by decreasing size.

    Parameters
    ----------
    nodes : int
        How many there are.
    edges : integers (E, 2)
        Pairs of nodes; several edges of one pair add up.
    weights : array (E,)
        Any sign: positive joins, negative separates.
    rounds : int
        Passes of moves over all pairs of neighbouring clusters, at most.

    Raises
    ------
    ValueError
        If an edge names a node that is not there or a loop, or a weight is not finite.

    >>> multicut(4, [(0, 1), (1, 2), (2, 3)], [2.0, -1.0, 3.0]).tolist()
    [0, 0, 1, 1]
    """
    edges = np.asarray(edges, int).reshape(-1, 2)
    weights = np.asarray(weights, float)
    if len(edges) and not (edges.min() >= 0 and edges.max() < nodes and (edges[:, 0] != edges[:, 1]).all()):
        raise ValueError(f"edges must join two different nodes below nodes={nodes}.")
    if weights.shape != (len(edges),) or not np.isfinite(weights).all():
        raise ValueError(f"weights must be {len(edges)} finite numbers; got shape {weights.shape}.")
    graph: Graph = [{} for _ in range(nodes)]
    for (a, b), weight in zip(edges.tolist(), weights.tolist(), strict=True):
        graph[a][b] = graph[a].get(b, 0.0) + weight
        graph[b][a] = graph[b].get(a, 0.0) + weight
    kept, labels = np.unique(_refined(graph, _contracted(graph), rounds), return_inverse=True)
    order = np.argsort(-np.bincount(labels, minlength=len(kept)), kind="stable")
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return rank[labels]


def cut(edges: Any, weights: Any, labels: npt.NDArray[np.int64]) -> float:
    """Total weight of the edges between clusters, which :func:`multicut` makes small.

    >>> cut([(0, 1), (1, 2)], [2.0, -1.0], np.array([0, 0, 1]))
    -1.0
    """
    a, b = np.asarray(edges, int).reshape(-1, 2).T
    return float(np.asarray(weights, float)[labels[a] != labels[b]].sum())


def _contracted(graph: Graph) -> list[int]:
    """Greedy additive edge contraction: join the heaviest pair of clusters while there is a positive one."""
    between = [dict(near) for near in graph]
    parent = list(range(len(graph)))
    heap = [(-weight, a, b) for a, near in enumerate(graph) for b, weight in near.items() if a < b and weight > 0]
    heapq.heapify(heap)
    while heap:
        weight, a, b = heapq.heappop(heap)
        if between[a].get(b) != -weight:  # one of them was joined to another since, or the weight has changed
            continue
        if len(between[a]) < len(between[b]):
            a, b = b, a
        parent[b] = a
        for c, more in between[b].items():
            del between[c][b]
            if c != a:
                total = between[a].get(c, 0.0) + more
                between[a][c] = between[c][a] = total
                if total > 0:
                    heapq.heappush(heap, (-total, a, c))
        between[b] = {}
    for node in range(len(parent)):
        root = node
        while parent[root] != root:
            root = parent[root]
        while parent[node] != root:
            parent[node], node = root, parent[node]
    return parent


def _refined(graph: Graph, labels: list[int], rounds: int) -> list[int]:
    """Kernighan-Lin with joins and splits, until no pair of clusters gains."""
    state = _Clustering(graph, labels)
    fresh = len(graph)
    busy = set(labels)
    for _ in range(rounds):
        members, border = state.borders(busy)
        changed: set[int] = set()
        for (one, other), nodes in sorted(border.items()):
            if state.improve(nodes, one, other):
                changed |= {one, other}
        for one in sorted(busy - changed):
            # Split: the other cluster is still empty.
            if len(members.get(one, ())) > 1 and state.improve(members[one], one, fresh):
                changed |= {one, fresh}
                fresh += 1
        busy = changed
        if not busy:
            break
    return state.labels


class _Clustering:
    """Clusters, and how strongly each node is drawn to each of its neighbours' clusters."""

    def __init__(self, graph: Graph, labels: list[int]) -> None:
        self.graph, self.labels = graph, labels
        self._pull: Graph = [{} for _ in graph]  # cluster -> total weight of the edges to it
        for pull, near in zip(self._pull, graph, strict=True):
            for other, weight in near.items():
                pull[labels[other]] = pull.get(labels[other], 0.0) + weight

    def borders(self, busy: set[int]) -> tuple[dict[int, list[int]], dict[tuple[int, int], list[int]]]:
        """The nodes of each cluster, and those with neighbours beyond for each pair with one cluster in `busy`."""
        members: dict[int, list[int]] = {}
        border: dict[tuple[int, int], list[int]] = {}
        for node, here in enumerate(self.labels):
            members.setdefault(here, []).append(node)
            for there in self._pull[node]:
                if there != here and (here in busy or there in busy):
                    border.setdefault((min(here, there), max(here, there)), []).append(node)
        return members, border

    def improve(self, border: list[int], one: int, other: int) -> bool:
        """Move nodes between two clusters, or join the clusters, if that gains; `border` is where moving may begin."""
        graph, labels = self.graph, self.labels
        side: dict[int, int] = {}
        gain: dict[int, float] = {}  # of changing sides, for each node that has not done so
        joined = 0.0
        for node in border:
            here = labels[node]
            if here in (one, other):  # not moved elsewhere in this round
                there = other if here == one else one
                between = self._pull[node].get(there, 0.0)
                side[node], gain[node] = here, between - self._pull[node].get(here, 0.0)
                joined += between if here == one else 0.0
        heap = [(-value, node) for node, value in gain.items()]
        heapq.heapify(heap)
        moved: list[int] = []
        total = best = 0.0
        length = 0
        while heap and len(moved) - length <= _MOVES_PAST_BEST:
            value, node = heapq.heappop(heap)
            if gain.get(node) != -value:
                continue
            total += gain.pop(node)
            side[node] = other if side[node] == one else one
            moved.append(node)
            if total > best + _ENOUGH:
                best, length = total, len(moved)
            for near, weight in graph[node].items():
                if near not in side and labels[near] in (one, other):
                    here, pull = labels[near], self._pull[near]
                    side[near] = here
                    gain[near] = pull.get(other if here == one else one, 0.0) - pull.get(here, 0.0)
                if near in gain:
                    gain[near] += 2 * weight if side[near] != side[node] else -2 * weight
                    heapq.heappush(heap, (-gain[near], near))
        if joined > best + _ENOUGH:
            for node, label in enumerate(labels):
                if label == other:
                    self._move(node, one)
            return True
        for node in moved[:length]:
            self._move(node, side[node])
        return length > 0

    def _move(self, node: int, to: int) -> None:
        old, self.labels[node] = self.labels[node], to
        for near, weight in self.graph[node].items():
            pull = self._pull[near]
            pull[old] -= weight
            pull[to] = pull.get(to, 0.0) + weight
