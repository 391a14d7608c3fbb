"""A demo that is stopped half-way."""

from importlib import import_module
from importlib.util import find_spec

import pytest


@pytest.mark.parametrize(
    ("name", "needs", "stage"),
    [("stereo", ("pyroomacoustics", "museval"), "separate"), ("motion", ("av", "cv2", "museval"), "motion")],
)
def test_an_interrupted_demo_leaves_nothing(name, needs, stage, tmp_path):
    missing = [package for package in needs if find_spec(package) is None]  # importing museval needs ffmpeg
    if missing:
        pytest.skip(f"{missing[0]} is not installed")
    demo = import_module(f"avfront.demos.{name}")

    def stop(now: str, share: float) -> None:
        if now == stage:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        demo.run_demo(tmp_path / "out", seed=0, force=False, progress=stop)
    assert list(tmp_path.iterdir()) == []
