"""Boxes around drawn objects: found, in order, within the picture."""

from pathlib import Path

import numpy as np
import pytest

from avfront.errors import AvfrontError
from avfront.proposals import Settings
from avfront.proposals.boxes import EdgeBoxes, in_original

cv2 = pytest.importorskip("cv2")


def drawn(seed: int, width: int = 240, height: int = 180) -> tuple[np.ndarray, list[tuple[int, int, int, int]]]:
    """Two discs on a textured ground, and their boxes."""
    rng = np.random.default_rng(seed)
    ground = cv2.resize(
        rng.uniform(90, 130, (6, 8, 3)).astype(np.uint8), (width, height), interpolation=cv2.INTER_CUBIC
    )
    boxes = []
    for x, y in ((0.28, 0.45), (0.72, 0.6)):
        radius = int(rng.integers(height // 8, height // 5))
        centre = (int(x * width + rng.integers(-8, 8)), int(y * height + rng.integers(-8, 8)))
        cv2.circle(ground, centre, radius, (230, 60, 40), -1, cv2.LINE_AA)
        boxes.append((centre[0] - radius, centre[1] - radius, 2 * radius, 2 * radius))
    return ground, boxes


def overlap(a: np.ndarray, b: tuple[int, ...]) -> float:
    left, top = np.maximum(a[:2], b[:2])
    right, bottom = np.minimum(a[:2] + a[2:], np.add(b[:2], b[2:]))
    both = max(0.0, float(right - left)) * max(0.0, float(bottom - top))
    return both / (float(a[2] * a[3]) + b[2] * b[3] - both)


@pytest.mark.parametrize("size", [(240, 180), (320, 240), (96, 72)])
def test_objects_are_found(size: tuple[int, int]) -> None:
    pictures, truth = zip(*(drawn(seed, *size) for seed in range(4)), strict=True)
    boxes, of = EdgeBoxes(Settings())(np.stack(pictures))
    assert boxes.dtype == np.float32
    assert len(boxes) == len(of)
    assert (np.diff(of) >= 0).all()
    assert np.bincount(of).max() <= 10
    best = [max(overlap(box, one) for box in boxes[of == t]) for t in range(4) for one in truth[t]]
    assert np.min(best) > 0.7, best
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, :2] + boxes[:, 2:] <= np.array(size) + 1).all()


def test_the_best_so_many() -> None:
    picture, _ = drawn(1)
    ten, _ = EdgeBoxes(Settings(boxes=10))(picture[None])
    three, _ = EdgeBoxes(Settings(boxes=3))(picture[None])
    assert len(three) == 3
    assert all(max(overlap(box, tuple(one)) for one in ten[:4]) > 0.8 for box in three)


def test_settings_of_edge_boxes_are_used() -> None:
    picture, _ = drawn(2)
    # Windows are tried from that size on; refining makes them smaller again.
    tiny, large = (EdgeBoxes(Settings(box_smallest=share))(picture[None])[0] for share in (0.005, 0.2))
    assert tiny[:, 2:].prod(axis=1).min() < 0.5 * large[:, 2:].prod(axis=1).min()
    for most in (0.3, 0.9):
        boxes, _ = EdgeBoxes(Settings(box_overlap=most, box_step=0.65))(picture[None])
        pairs = [overlap(boxes[j], tuple(boxes[k])) for j in range(len(boxes)) for k in range(j)]
        assert (max(pairs) > 0.5) == (most > 0.5)


@pytest.mark.parametrize("wrong", [{"box_step": 1.0}, {"box_overlap": 0.0}, {"box_smallest": -0.1}, {"box_large": 0.9}])
def test_settings_out_of_range(wrong: dict[str, float]) -> None:
    with pytest.raises(AvfrontError, match=f"{next(iter(wrong))}=.* is out of range"):
        Settings(**wrong)  # type: ignore[arg-type]


def test_a_picture_of_nothing_has_one_box() -> None:
    boxes, of = EdgeBoxes(Settings())(np.full((2, 48, 64, 3), 127, np.uint8))
    assert boxes.tolist() == [[0, 0, 64, 48]] * 2
    assert of.tolist() == [0, 1]


def test_no_pictures_have_no_boxes() -> None:
    boxes, of = EdgeBoxes(Settings())(np.empty((0, 48, 64, 3), np.uint8))
    assert boxes.shape == (0, 4)
    assert of.shape == (0,)


def test_boxes_of_the_original_picture() -> None:
    boxes = in_original(np.array([[1, 1, 319, 239], [10, 20, 30, 40]], np.float32), 0.5, (640, 480))
    assert boxes.tolist() == [[2, 2, 638, 478], [20, 40, 60, 80]]


def test_a_forest_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(AvfrontError, match="there is no such structured forest; check the path"):
        EdgeBoxes(Settings(edges=str(tmp_path / "model.yml.gz")))
    (tmp_path / "model.yml").write_text("%YAML:1.0\n---\nnothing: 1\n")
    with pytest.raises(AvfrontError, match="no structured forest for edges"):
        EdgeBoxes(Settings(edges=str(tmp_path / "model.yml")))


STUMP = """%YAML:1.0
---
options:
   stride: 2
   shrinkNumber: 2
   patchSize: 32
   patchInnerSize: 16
   numberOfGradientOrientations: 4
   gradientSmoothingRadius: 0
   regFeatureSmoothingRadius: 0
   ssFeatureSmoothingRadius: 8
   gradientNormalizationRadius: 4
   selfsimilarityGridSize: 5
   numberOfTrees: 1
   numberOfTreesToEvaluate: 1
childs:
   - [ 2, 0, 0 ]
featureIds:
   - [ 904, 0, 0 ]
thresholds:
   - [ 1.5, 0.0, 0.0 ]
edgeBoundaries:
   - [ 0, 0, 0, 64 ]
edgeBins:
   - [ BINS ]
""".replace("BINS", ", ".join(["119, 120, 135, 136"] * 16))  # each counts for 1/32 of an edge


def test_a_forest_of_one_stump(tmp_path: Path) -> None:
    """Where the gradient in the middle of a patch (channel 3 of 13, row 8, column 8) is 1.5 times its mean around."""
    path = tmp_path / "model.yml"
    path.write_text(STUMP)
    picture, truth = drawn(1)
    boxes, _ = EdgeBoxes(Settings(edges=str(path)))(picture[None])
    assert min(max(overlap(box, one) for box in boxes) for one in truth) > 0.5
