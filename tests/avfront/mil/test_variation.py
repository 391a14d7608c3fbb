import numpy as np
import torch

from avfront.mil import variation
from avfront.mil.dataset import Instance
from avfront.mil.raw import Share, Varied

SILENCE = float(np.log(0.01))


def test_two_sounds_at_once_have_the_energy_of_both() -> None:
    rng = np.random.default_rng(0)
    mel, other = rng.uniform(0, 3, (4, 96, 64)), np.full((2, 96, 64), 2.0)
    patches, partners = (torch.from_numpy(np.log(x + 0.01)) for x in (mel, other))
    found = variation.mixed(patches, partners, np.random.default_rng(1)).exp().numpy() - 0.01
    gain = np.unique((found - mel).round(6)) / 2
    assert len(gain) == 1
    assert -10 <= 10 * np.log10(gain[0]) * 2 <= 10
    silent = torch.full((2, 96, 64), SILENCE)
    assert torch.allclose(variation.mixed(silent, silent, rng), silent)


def test_what_is_left_out_is_silent_and_the_rest_as_it_was() -> None:
    patches = torch.rand(5, 96, 64) + 1
    found = variation.masked(patches, np.random.default_rng(3))
    hidden = found == SILENCE
    moved = [torch.roll(patches, shift, dims=2) for shift in range(-3, 4)]
    assert any(torch.equal(found[~hidden], one[~hidden]) for one in moved)
    assert 0 < hidden.float().mean() < 0.45


def test_boxes_stay_on_what_they_show() -> None:
    frames = torch.zeros(1, 3, 20, 30)
    frames[:, :, 5:9, 2:8] = 1
    boxes = torch.tensor([[2.0, 5, 6, 4]])
    mirrored = False
    for seed in range(8):
        found, ((x, y, w, h),) = variation.relit(frames, boxes, np.random.default_rng(seed))
        inside = found[0, :, int(y) : int(y + h), int(x) : int(x + w)]
        assert inside.min() == found.max() > 0.5
        assert inside.numel() == (found == found.max()).sum()
        mirrored |= x.item() != 2
    assert mirrored


class Clip:
    """Stands in for the proposals of a clip that is loud or silent throughout."""

    def __init__(self, level: float) -> None:
        self.level = level

    def instances(self, share: Share, rng: np.random.Generator | None) -> dict[str, Instance]:
        return {"audio": Instance((torch.full((3, 96, 64), self.level),), torch.zeros(3, dtype=torch.long))}


def test_labels_of_mixed_clips_are_joined() -> None:
    truth = np.eye(2, dtype=bool)
    clips = [Clip(SILENCE), Clip(3.0)]
    varied = Varied(truth, lambda index: clips[index], Share(), mix=True)  # type: ignore[arg-type, return-value]
    joined = 0
    for seed in range(20):
        found, labels = varied[0, seed]
        loud = bool((found["audio"].inputs[0] > 0).any())
        assert labels.tolist() == [True, loud]
        joined += loud
    assert 1 <= joined <= 12
    assert torch.equal(varied[0, 5][0]["audio"].inputs[0], varied[0, 5][0]["audio"].inputs[0])
    assert varied[0][1].tolist() == [True, False]


def test_clips_that_may_not_be_mixed_are_not() -> None:
    varied = Varied(np.eye(2, dtype=bool), lambda index: Clip(1.0), Share(), mix=False)  # type: ignore[arg-type, return-value]
    assert all(varied[1, seed][1].tolist() == [False, True] for seed in range(20))
