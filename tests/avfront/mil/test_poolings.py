"""Every pooling against the formulas of the papers, written for one clip at a time in float64."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from avfront.mil.bags import pad
from avfront.mil.poolings import POOLINGS

Clip = list[tuple[np.ndarray, np.ndarray, np.ndarray]]  # A, B (P, C) and the second of each, for each modality


def softmax(x: np.ndarray, axis: int = 0) -> np.ndarray:
    e = np.exp(x - x.max(axis, keepdims=True, initial=0))
    return e / e.sum(axis, keepdims=True)


def unit(x: np.ndarray) -> np.ndarray:
    return x / max(np.linalg.norm(x), 1e-12)


def lme(x: np.ndarray) -> np.ndarray:
    return np.log(np.exp(x).mean(0)) if len(x) else np.zeros(x.shape[1])


def two_stream(clip: Clip) -> np.ndarray:
    return sum(unit((a * softmax(b)).sum(0)) for a, b, _ in clip)


def one_stream(clip: Clip) -> np.ndarray:
    return sum(unit(lme(a)) for a, _, _ in clip)


def wsddn(clip: Clip) -> np.ndarray:
    return sum((softmax(a, 1) * softmax(b)).sum(0) for a, b, _ in clip) / len(clip)


def attention(clip: Clip) -> np.ndarray:
    return sum((softmax(b) / (1 + np.exp(-a))).sum(0) for a, b, _ in clip) / len(clip)


def synchronous(clip: Clip) -> np.ndarray:
    rows = []
    for second in sorted({int(t) for _, _, windows in clip for t in windows}):
        row = np.zeros(clip[0][0].shape[1])
        for a, b, windows in clip:
            here = windows == second
            row = row + (a[here] * softmax(b[here])).sum(0)
        rows.append(row)
    return lme(np.array(rows))


REFERENCE: dict[str, Callable[[Clip], np.ndarray]] = {
    "two-stream": two_stream,
    "one-stream": one_stream,
    "wsddn": wsddn,
    "attention": attention,
    "synchronous": synchronous,
}


def made(seed: int, modalities: int) -> list[Clip]:
    rng = np.random.default_rng(seed)
    clips: list[Clip] = []
    for clip in range(4):
        bags = []
        for modality in range(modalities):
            count = 0 if (clip, modality) == (2, 1) else int(rng.integers(1, 9))  # one bag is empty
            a, b = rng.normal(0, 2, (2, count, 5))
            bags.append((a, b, rng.integers(0, 4, count)))
        clips.append(bags)
    return clips


@pytest.mark.parametrize("modalities", [1, 2])
@pytest.mark.parametrize("name", POOLINGS)
def test_equals_the_formulas(name: str, modalities: int) -> None:
    clips = made(7, modalities)
    pooling = POOLINGS[name]()
    scored = []
    for modality in range(modalities):
        a, b, windows = (torch.cat([torch.from_numpy(clip[modality][part]) for clip in clips]) for part in range(3))
        counts = [len(clip[modality][0]) for clip in clips]
        bag, other = pad(a, windows, counts), pad(b, windows, counts)
        e = pooling.weigh(bag.features, other.features, bag)
        assert not e[~bag.mask].any()
        scored.append((e, bag))
    found = pooling.fuse(scored)
    expected = np.array([REFERENCE[name](clip) for clip in clips])
    assert found.numpy() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", POOLINGS)
def test_gradients_are_those_of_the_scores(name: str) -> None:
    pooling, truth = POOLINGS[name](), torch.tensor([[True, False], [False, False]])
    windows, counts = torch.tensor([0, 1, 1]), [3, 0]

    def loss(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        bag = pad(a, windows, counts)
        return pooling.loss(
            pooling.fuse([(pooling.weigh(bag.features, pad(b, windows, counts).features, bag), bag)]), truth
        )

    a, b = torch.randn((2, 3, 2), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.autograd.gradcheck(loss, (a.requires_grad_(), b.requires_grad_()))


def test_hinge_loss_by_hand() -> None:
    scores, truth = torch.tensor([[0.5, -2.0, 0.5]]), torch.tensor([[True, False, False]])
    assert POOLINGS["two-stream"]().loss(scores, truth).item() == pytest.approx((0.5 + 0 + 1.5) / 3)


@pytest.mark.parametrize("name", POOLINGS)
def test_sharpness_is_a_factor_of_what_tells_proposals_apart(name: str) -> None:
    rng = torch.Generator().manual_seed(0)
    a, b = (torch.randn(2, 6, 3, generator=rng, dtype=torch.float64) for _ in range(2))
    bag = pad(torch.zeros(12, 1, dtype=torch.float64), torch.arange(12) % 3, [6, 6])
    plain, sharp = POOLINGS[name](), POOLINGS[name](4.0)
    weighed = sharp.weigh(a, b, bag)
    if name == "one-stream":
        assert torch.equal(weighed, a)
        # On the sphere the soft maximum of 4 a over 4 is that of 4 a.
        assert torch.allclose(sharp.fuse([(a, bag)]), plain.fuse([(4 * a, bag)]))
    else:
        assert torch.allclose(weighed, plain.weigh(a, 4 * b, bag))
