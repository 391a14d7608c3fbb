"""The film of two players, made and separated by the command line."""

import json
from importlib.util import find_spec

import pytest

pytest.importorskip("av")
pytest.importorskip("cv2")
needs = pytest.mark.skipif(find_spec("museval") is None, reason="museval is not installed")


@needs
@pytest.mark.slow
def test_the_players_are_told_apart(avfront, tmp_path):
    result = avfront("demo", "--motion", "-o", tmp_path / "out", "--json")
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    for player in ("object1", "object2"):
        before, after = report["scores"][player]["mixture"], report["scores"][player]["separated"]
        assert abs(before["SDR"]) < 0.5, "both are equally loud"
        assert after["SDR"] > before["SDR"] + 3
    from avfront.demos import motion

    boxes = [word for word in motion.again(tmp_path / "out", report) if "," in word]
    assert [[float(side) for side in box.split(",")] for box in boxes] == [one["box"] for one in report["sources"]]
    assert {path.name for path in (tmp_path / "out").iterdir()} > {"duo.mp4", "references", "overlay.mp4"}
