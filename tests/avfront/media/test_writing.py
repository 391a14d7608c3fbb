"""What is written comes back."""

from pathlib import Path

import numpy as np
import pytest

from avfront import media
from avfront.errors import AvfrontError
from avfront.media import Frame

av = pytest.importorskip("av")


def test_writer(tmp_path: Path) -> None:
    """Odd sizes, uneven times, three sound streams of one and two channels: all of it comes back."""
    path, rate = tmp_path / "overlay.mp4", 22050
    tone = (0.4 * np.sin(2 * np.pi * 350 * np.arange(rate) / rate)).astype(np.float32)
    times = [0.0, 0.05, 0.2, 0.5, 0.9]
    tracks = {
        "mixture": np.stack([tone] * 2),
        "object1": tone[None],
        "object2": np.zeros((1, rate)),
    }
    with media.Writer(path, (65, 49), tracks, rate) as writer:
        for time in times:
            writer.write(Frame(time, np.full((49, 65, 3), 200, np.uint8)))
    info = media.probe(path)
    assert info.video is not None
    assert (info.video.width, info.video.height) == (64, 48)
    np.testing.assert_allclose([frame.time for frame in media.frames(info)], times, atol=1e-3)
    with av.open(str(path)) as container:
        assert [stream.channels for stream in container.streams.audio] == [2, 1, 1]
        assert [stream.metadata["handler_name"] for stream in container.streams.audio] == list(tracks)
    heard = media.read_sound(info)
    assert abs(heard.shape[1] / 48000 - 1) < 0.05
    assert np.sqrt(np.mean(heard**2)) == pytest.approx(0.4 / np.sqrt(2), rel=0.1)


def test_writer_failure_names_the_folder(tmp_path: Path) -> None:
    with pytest.raises(AvfrontError, match="cannot be written"):
        media.Writer(tmp_path / "none" / "overlay.mp4", (64, 48), {}, 8000)
