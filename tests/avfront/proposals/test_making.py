"""Proposals of a collection: what cannot be used is listed, what was killed goes on, what changed is done again."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from avfront.errors import AvfrontError
from avfront.manifest import Clip
from avfront.proposals import Proposals, Settings, Store, hear, making, propose, propose_one, read

pytest.importorskip("zarr")

Film = Callable[..., Path]
QUICK = Settings(components=3, iterations=10, boxes=4)


def clips(*paths: Path) -> list[Clip]:
    return [Clip(path, (), "train") for path in paths]


def test_one_as_in_a_collection(film: Film, tmp_path: Path) -> None:
    path, other = film("a.mp4", 2.2), film("b.mp4", 1.3)
    store = Store(tmp_path / "set", QUICK)
    every = clips(path, other)
    propose(every, store)
    alone, stored = propose_one(path, QUICK), store.read(every[0].key)
    for one in fields(Proposals):
        a, b = getattr(alone, one.name), getattr(stored, one.name)
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=1e-3, err_msg=one.name)
    assert alone.tsp.shape == (4, 96, 64)
    assert alone.ncp.shape == (6, 96, 64)
    assert alone.boxes.shape[1] == 4
    assert np.bincount(alone.box_frames).tolist() == [4, 4]
    [heard] = hear([read(path, None, None, QUICK).sound], QUICK)
    np.testing.assert_array_equal(heard.ncp, alone.ncp)


def test_boxes_are_in_pixels_of_the_original(film: Film) -> None:
    path = film()
    for side in (320, 80):
        found = propose_one(path, Settings(components=2, iterations=1, side=side, boxes=10))
        assert found.size == (160, 120)
        assert found.scale == min(1, side / 160)
        for t, time in enumerate(found.frame_times):
            disc = np.array([10 + 40 * time, 40, 40, 40])
            assert np.abs(found.boxes[found.box_frames == t] - disc).max(axis=1).min() < 12


def test_what_cannot_be_used_is_listed(film: Film, tmp_path: Path) -> None:
    good, silent, mute = film("good.mp4"), film("silent.mp4", level=0.0), film("mute.mp4", tracks={})
    (tmp_path / "bad.mp4").write_bytes(b"no video" * 99)
    every = clips(good, silent, mute, tmp_path / "bad.mp4", tmp_path / "none.mp4")
    store = Store(tmp_path / "set", QUICK)
    shares: list[float] = []
    propose(every, store, progress=lambda stage, share: shares.append(share))
    assert list(store.keys()) == [every[0].key]
    reasons = [store.skipped[clip.key] for clip in every[1:]]
    for reason, word in zip(reasons, ("silent", "no sound", "not a readable video", "no such file"), strict=True):
        assert word in reason
        assert reason.endswith(".")
    assert shares[-1] == 1.0
    assert (tmp_path / "set" / "manifest.json").exists()


def test_what_is_settled_is_not_read_again(film: Film, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    every = clips(film("a.mp4"), film("b.mp4", level=0.0))
    store = Store(tmp_path / "set", QUICK)
    propose(every, store)
    seen: list[Path] = []
    through = making.reading.read
    monkeypatch.setattr(making.reading, "read", lambda path, *rest: seen.append(path) or through(path, *rest))
    propose(every, store)
    assert seen == []
    film("b.mp4")  # repaired
    propose(every, store)
    assert seen == [every[1].path]
    assert len(list(store.keys())) == 2
    assert store.skipped == {}


def test_chunks_of_any_size_give_the_same(film: Film, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    every = clips(*(film(f"{n}.mp4", 1.0 + 0.3 * n) for n in range(3)))
    propose(every, Store(tmp_path / "one", QUICK))
    monkeypatch.setattr(making, "_CLIPS", 1)
    monkeypatch.setattr(making, "_AHEAD", 0)
    propose(every, Store(tmp_path / "two", QUICK))
    for clip in every:
        a, b = (Store(tmp_path / name).read(clip.key) for name in ("one", "two"))
        np.testing.assert_allclose(a.ncp, b.ncp, atol=5e-3)
        np.testing.assert_array_equal(a.boxes, b.boxes)


def test_no_clips(tmp_path: Path) -> None:
    store = Store(tmp_path)
    propose([], store)
    assert list(store.keys()) == []


def test_a_store_that_cannot_be_written_to_is_no_reason_to_skip(film: Film, tmp_path: Path) -> None:
    store = Store(tmp_path / "set", QUICK)
    (tmp_path / "set" / "clips").rmdir()
    (tmp_path / "set" / "clips").touch()
    with pytest.raises(AvfrontError, match="cannot be written"):
        propose(clips(film()), store)
    assert store.skipped == {}


RUN = """
import sys
from pathlib import Path
from avfront.manifest import Clip
from avfront.proposals import Settings, Store, making, propose
making._CLIPS = 2
clips = [Clip(path, (), "train") for path in sorted(Path(sys.argv[1]).glob("*.mp4"))]
store = Store(sys.argv[2], Settings(components=3, iterations=10, boxes=4))
propose(clips, store, progress=lambda _, share: print(share, flush=True))
"""


@pytest.mark.skipif(os.name == "nt", reason="killed by signals")
def test_killed_and_resumed(film: Film, tmp_path: Path) -> None:
    every = clips(*sorted(film(f"{n}.mp4", 1.0) for n in range(8)))
    command = [sys.executable, "-c", RUN, str(tmp_path), str(tmp_path / "set")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        limit = threading.Timer(60, program.kill)
        limit.start()
        while float(program.stdout.readline()) < 0.25:  # two of eight read and stored
            pass
        program.send_signal(signal.SIGKILL)
        limit.cancel()
    store = Store(tmp_path / "set")
    done = {key: store.stamp(key) for key in store.keys()}  # noqa: SIM118  no mapping
    assert 2 <= len(done) <= 8
    propose(every, store)
    assert sorted(store.keys()) == sorted(clip.key for clip in every)
    assert all(store.stamp(key) == stamp for key, stamp in done.items())
    for clip in every:
        assert store.read(clip.key).ncp.shape == (3, 96, 64)
