"""Parts of clips and of two clips in one bag: nothing that is in none of them, and the classes of both."""

import numpy as np
import pytest
import torch

from avfront.mil.dataset import Instance
from avfront.mil.joined import PART, Joined

COUNTS = {"audio": 10, "visual": 25}


def take(index: int, rng: object) -> dict[str, Instance]:
    """Proposals that tell which clip they are of, and which second."""
    return {
        name: Instance((torch.full((count, 3), float(index)),), torch.arange(count)) for name, count in COUNTS.items()
    }


@pytest.fixture
def joined() -> Joined:
    truth = np.zeros((20, 4), bool)
    truth[:17, 0] = truth[17:19, 1] = truth[19, 2] = True
    return Joined(truth, take)


def test_the_classes_are_those_of_the_clips_in_the_bag(joined: Joined) -> None:
    sizes, partners = [], []
    for seed in range(200):
        bags, truth = joined[3, seed]
        clips = [sorted(set(one.inputs[0][:, 0].int().tolist())) for one in bags.values()]
        assert clips[0] == clips[1]
        assert truth.tolist() == joined.truth[clips[0]].any(axis=0).tolist()
        sizes.append(len(clips[0]))
        partners += [clip for clip in clips[0] if clip != 3]
        for name, one in bags.items():
            assert len(one.inputs[0]) == len(one.windows) == pytest.approx(PART * COUNTS[name], abs=1)
    assert np.mean(sizes) == pytest.approx(1.5, abs=0.15)
    # Of three classes, one is that of a single clip.
    assert np.mean([clip == 19 for clip in partners]) == pytest.approx(1 / 3, abs=0.12)


def test_a_draw_depends_on_its_seed_alone(joined: Joined) -> None:
    one, again, other = (joined[5, seed][0]["visual"].windows.tolist() for seed in (1, 1, 2))
    assert one == again != other
    assert len(set(one)) > 1


def test_clips_as_they_are_to_be_judged(joined: Joined) -> None:
    bags, truth = joined[19]
    assert bags["audio"].windows.tolist() == list(range(10))
    assert truth.tolist() == [False, False, True, False]


def test_an_empty_bag_stays_empty() -> None:
    none = {"visual": Instance((torch.zeros(0, 3),), torch.zeros(0, dtype=torch.int64))}
    bags, _ = Joined(np.ones((2, 1), bool), lambda index, rng: none)[0, 7]
    assert len(bags["visual"].windows) == 0
