import numpy as np
import pytest

from avfront.mil.dataset import Balanced, seconds
from avfront.mil.network import Variant


def test_rare_classes_are_drawn_about_as_often_but_not_more() -> None:
    truth = np.zeros((420, 3), bool)
    truth[:20, 0] = truth[20:400, 1] = True  # 1 : 19, and 20 clips of nothing
    drawn = np.array([[index for index, _ in batch] for batch in Balanced(truth, 200, 12, presence=3.0)]).ravel()
    shares = np.bincount(np.digitize(drawn, [20, 400]), minlength=3) / len(drawn)
    assert shares == pytest.approx([1 / 5, 3 / 5, 1 / 5], abs=0.04)
    assert len(set(drawn)) > 380


def test_a_batch_depends_on_seed_and_step_alone() -> None:
    truth = np.eye(4, dtype=bool)
    one, other = Balanced(truth, 9, 5, seed=1), Balanced(truth, 30, 5, seed=1)
    assert [one[7], one[2]] == [other[7], other[2]]
    assert one[7] != Balanced(truth, 9, 5, seed=2)[7]


def test_one_bag_holds_segments_before_components(made) -> None:
    _, (clip,) = made.clips(1, seed=0)
    for audio, parts in (("tsp", ["tsp"]), ("ncp", ["ncp"]), ("both", ["tsp", "ncp"])):
        bag = next(made.examples(1, Variant(audio=audio), seed=0).in_order(1)).items["audio"]
        assert np.array_equal(bag.inputs[0][0], np.concatenate([getattr(clip, part) for part in parts]))
        begins = np.concatenate([getattr(clip, f"{part}_times")[:, 0] for part in parts])
        assert np.array_equal(bag.windows[0], np.floor(begins))


def test_seconds_are_never_negative() -> None:
    assert seconds(np.array([-0.02, 3.999])).tolist() == [0, 3]
