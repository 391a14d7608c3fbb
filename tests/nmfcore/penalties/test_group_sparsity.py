"""Group sparsity: its gradient, its definition, and what it does."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmfcore import nmf
from nmfcore.penalties import GroupSparsity

# Seven penalised rows of two sources, one row of neither.
GROUPS = [[slice(0, 2), slice(2, 3)], [slice(4, 8)]]
KINDS = ("block", "component", "mixed")
GAMMAS: tuple[Any, ...] = (0.0, 1.0, [0.3, 0.0], "1/G")


def activations() -> NDArray[np.float64]:
    return np.random.default_rng(0).uniform(0.1, 2, (8, 5))


def written_out(H: NDArray[Any], lam: list[float], gamma: Any, kind: str, mix: float) -> float:
    """The definition, source by source."""
    total = 0.0
    for j, blocks in enumerate(GROUPS):
        share = {"block": 1.0, "component": 0.0, "mixed": mix}[kind]
        rows = [k for block in blocks for k in range(block.start, block.stop)]
        count = share * len(blocks) + (1 - share) * len(rows)
        g = 1 / count if gamma == "1/G" else np.broadcast_to(gamma, 2)[j]
        value = share * sum(np.log(H[block].sum()) for block in blocks)
        value += (1 - share) * sum(np.log(H[k].sum()) for k in rows)
        total += lam[j] * (value - g * count * np.log(H[rows].sum()))
    return total


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("kind", KINDS)
def test_value(kind: str, gamma: Any) -> None:
    penalty = GroupSparsity(GROUPS, [0.5, 2.0], gamma, kind, mix=0.3)
    assert penalty.value(activations()) == pytest.approx(written_out(activations(), [0.5, 2.0], gamma, kind, 0.3))


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("kind", KINDS)
def test_gradient(kind: str, gamma: Any) -> None:
    """P − Q against finite differences of the value."""
    penalty = GroupSparsity(GROUPS, [0.5, 2.0], gamma, kind, mix=0.3)
    H = activations()
    neg, pos = penalty.split(H)
    assert pos.shape == (8, 1)
    assert neg is None or neg.shape == (8, 1)
    assert pos.min() >= 0
    assert neg is None or neg.min() >= 0
    slope = np.broadcast_to(pos - (0 if neg is None else neg), H.shape)
    for index in np.ndindex(H.shape):
        step = np.zeros_like(H)
        step[index] = 1e-6
        wanted = (penalty.value(H + step) - penalty.value(H - step)) / 2e-6
        assert slope[index] == pytest.approx(wanted, abs=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_plain_sparsity_has_no_numerator(kind: str) -> None:
    neg, pos = GroupSparsity(GROUPS, 1.0, 0.0, kind).split(activations())
    assert neg is None
    assert pos[3] == 0  # a row that belongs to no source


@pytest.mark.parametrize("kind", KINDS)
def test_relative_sparsity_does_not_see_the_level(kind: str) -> None:
    """With γ = 1 every group's logarithm is balanced by the source's: Ψ(cH) = Ψ(H)."""
    penalty = GroupSparsity(GROUPS, 1.0, 1.0, kind)
    assert penalty.value(1000 * activations()) == pytest.approx(penalty.value(activations()), abs=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_silent_rows_stay_finite(kind: str, dtype: type) -> None:
    for H in (np.zeros((8, 5), dtype), np.full((8, 5), 1e-30, dtype)):
        penalty = GroupSparsity(GROUPS, 1.0, 1.0, kind)
        neg, pos = penalty.split(H)
        assert neg is not None
        assert neg.dtype == pos.dtype == dtype
        assert np.isfinite(neg).all()
        assert np.isfinite(pos).all()
        assert np.isfinite(penalty.value(H))


def examples(backend: str, kind: str, lam: float, gamma: float = 0.0) -> NDArray[np.float64]:
    """Sums of H over time; two sources of three examples, the mixture holds the first ones."""
    rng = np.random.default_rng(0)
    W = rng.gamma(0.4, size=(40, 12)) + 1e-3
    W /= W.sum(0)
    H = np.zeros((12, 60))
    H[[0, 1, 6, 7]] = rng.gamma(1.0, size=(4, 60))
    H[6:8] *= 0.1
    V = (W @ H) * rng.gamma(2.0, size=(40, 60)) / 2
    groups = [[slice(0, 2), slice(2, 4), slice(4, 6)], [slice(6, 8), slice(8, 10), slice(10, 12)]]
    fit = nmf(
        V,
        beta=0,
        W=W,
        H=np.full((12, 60), H.mean()),
        free_w=False,
        penalties=[GroupSparsity(groups, lam * V.size, gamma, kind, mix=0.5)],
        n_iter=400,
        backend=backend,
    )
    return np.asarray(fit.H.sum(1))


@pytest.mark.parametrize("kind", KINDS)
def test_what_does_not_fit_vanishes(kind: str, backend: str) -> None:
    without, with_penalty = examples(backend, kind, 0.0), examples(backend, kind, 3e-3)
    absent = [2, 3, 4, 5, 8, 9, 10, 11]
    assert without[absent].sum() > 0.03 * without.sum()
    assert with_penalty[absent].sum() < 0.3 * without[absent].sum()


@pytest.mark.parametrize("kind", KINDS)
def test_relative_sparsity_keeps_a_source_from_vanishing(kind: str, backend: str) -> None:
    """A weight that plain sparsity would kill the weaker source with."""
    plain, relative = examples(backend, kind, 0.3), examples(backend, kind, 0.3, gamma=1.0)
    assert plain[6:].sum() < 0.01 * plain.sum()
    assert relative[6:].sum() > 0.02 * relative.sum()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "rows"}, r"^kind='rows'"),
        ({"mix": 1.5}, r"^mix=1.5"),
        ({"mix": np.nan}, r"^mix=nan"),
        ({"eps": 0.0}, r"^eps=0.0"),
        ({"groups": []}, r"^groups must"),
        ({"groups": [[slice(0, 2)], []]}, r"^groups must"),
        ({"lam": -1.0}, r"^lam=-1.0"),
        ({"lam": np.nan}, r"^lam=nan"),
        ({"lam": [1.0, 2.0, 3.0]}, r"^lam must be one number or one for each of the 2"),
        ({"gamma": -1.0}, r"^gamma=-1.0"),
        ({"gamma": "G"}, r"^gamma='G'"),
        ({"gamma": [1.0, 2.0, 3.0]}, r"^gamma must"),
    ],
    ids=lambda value: ", ".join(value) if isinstance(value, dict) else "",
)
def test_bad_arguments(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GroupSparsity(**{"groups": GROUPS, "lam": 1.0, **options})


def test_groups_beyond_the_factor() -> None:
    with pytest.raises(ValueError, match=r"^groups name row 7, but there are only 4"):
        GroupSparsity(GROUPS, 1.0).split(np.ones((4, 5)))
