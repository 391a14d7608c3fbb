"""The folder of proposals: what is written comes back, nothing half, nothing mixed, every bad thing said."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from avfront.errors import AvfrontError
from avfront.proposals import Proposals, Settings, Store

pytest.importorskip("zarr")

Made = Callable[..., Proposals]


def same(a: Proposals, b: Proposals) -> None:
    for one in fields(Proposals):
        x, y = getattr(a, one.name), getattr(b, one.name)
        if isinstance(x, np.ndarray):
            assert x.dtype == y.dtype, one.name
            # Half precision keeps 11 bits.
            half = one.name in ("tsp", "ncp")
            np.testing.assert_allclose(x, y, rtol=2**-11 * half, atol=1e-7 * half, err_msg=one.name)
        else:
            assert x == y


def test_what_is_written_comes_back(tmp_path: Path, made: Made) -> None:
    store = Store(tmp_path / "set")
    for seed, key in enumerate(("b", "a")):
        store.write(key, made(seed))
    assert list(Store(tmp_path / "set").keys()) == ["a", "b"]
    same(store.read("b"), made(0))
    store.write("b", made(5))
    same(store.read("b"), made(5))


def test_no_boxes_and_no_components(tmp_path: Path, made: Made) -> None:
    store = Store(tmp_path)
    store.write("none", made(boxes=0, components=0))
    same(store.read("none"), made(boxes=0, components=0))


def test_a_pause_takes_little_room(tmp_path: Path, made: Made) -> None:
    store, one = Store(tmp_path), made(components=20)
    store.write("loud", one)
    store.write("quiet", replace(one, ncp=np.full_like(one.ncp, np.log(0.01)), frames=np.zeros_like(one.frames)))
    loud, quiet = ((tmp_path / "clips" / f"{key}.zarr.zip").stat().st_size for key in ("loud", "quiet"))
    assert quiet < loud - 0.6 * 2 * one.ncp.size


def test_settings_are_kept_and_checked(tmp_path: Path) -> None:
    Store(tmp_path, Settings(components=8))
    assert Store(tmp_path).settings.components == 8
    with pytest.raises(AvfrontError, match=r"other settings \(components is 8, not 20\); use the same settings"):
        Store(tmp_path, Settings())


def test_skipped_clips_have_a_reason(tmp_path: Path, made: Made) -> None:
    store = Store(tmp_path)
    store.write("good", made())
    store.skip("bad", "the sound is silent", stamp="1")
    assert store.skipped == {"bad": "the sound is silent"}
    with pytest.raises(AvfrontError, match=r"no proposals of bad \(the sound is silent\); make them first"):
        store.read("bad")
    listed = json.loads(store.write_manifest().read_text())
    assert listed["done"] == ["good"]
    assert listed["skipped"] == store.skipped
    store.write("bad", made())  # the file was repaired
    assert store.skipped == {}
    store.skip("good", "the file is damaged")  # and the other one broke
    assert list(store.keys()) == ["bad"]


def test_a_changed_file_is_not_settled(tmp_path: Path, made: Made) -> None:
    store = Store(tmp_path)
    store.write("clip", made(), stamp="size 7")
    store.skip("silent", "no sound", stamp="size 9")
    assert store.settled("clip", "size 7")
    assert not store.settled("clip", "size 8")
    assert store.settled("silent", "size 9")
    assert not store.settled("silent", "size 10")
    assert not store.settled("unknown", "")


@pytest.mark.parametrize("content", [b"", b"PK", b"nonsense" * 100])
def test_a_damaged_file_is_named(tmp_path: Path, made: Made, content: bytes) -> None:
    store = Store(tmp_path)
    store.write("clip", made())
    path = tmp_path / "clips" / "clip.zarr.zip"
    path.write_bytes(content)
    with pytest.raises(AvfrontError, match=r"clip\.zarr\.zip: the proposals are damaged; delete"):
        store.read("clip")


def test_half_a_file_is_damaged_too(tmp_path: Path, made: Made) -> None:
    store = Store(tmp_path)
    store.write("clip", made())
    path = tmp_path / "clips" / "clip.zarr.zip"
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(AvfrontError, match="damaged"):
        store.read("clip")


def test_bad_settings_file(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text('{"boxes": "many"}')
    with pytest.raises(AvfrontError, match="no settings"):
        Store(tmp_path)
    (tmp_path / "settings.json").write_text("[1")
    with pytest.raises(AvfrontError, match="cannot be read as JSON"):
        Store(tmp_path)


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "set").write_text("")
    with pytest.raises(AvfrontError, match="cannot be written"):
        Store(tmp_path / "set")


def test_arrays_that_do_not_belong_together(made: Made) -> None:
    with pytest.raises(AvfrontError, match=r"box_frames have shape \(7,\), not \(3,\)"):
        replace(made(), boxes=np.zeros((3, 4), np.float32))


def test_what_a_killed_program_left_is_deleted_after_an_hour(tmp_path: Path, made: Made) -> None:
    store = Store(tmp_path)
    store.write("clip", made())
    (tmp_path / "features" / "audio").mkdir(parents=True)
    old = [tmp_path / place for place in ("clips/.a.zarr.zip.123", "features/audio/.b.safetensors.7")]
    kept = [tmp_path / place for place in ("clips/.c.zarr.zip.123", ".hidden", "clips/clip.zarr.zip")]
    for path in (*old, *kept[:2]):
        path.write_bytes(b"half")
    for path in (*old, *kept[1:]):
        os.utime(path, (0, 0))
    Store(tmp_path)
    assert not any(path.exists() for path in old)
    assert all(path.exists() for path in kept)


WRITER = """
import sys
import numpy as np
from avfront.proposals import Proposals, Store
store = Store(sys.argv[1])
arrays = dict(boxes=np.zeros((0, 4), np.float32), box_frames=np.zeros(0, int), tsp=np.zeros((0, 96, 64), np.float32))
arrays |= dict(tsp_times=np.zeros((0, 2)), ncp_times=np.zeros((200, 2)), ncp_components=np.zeros(200, int))
arrays |= dict(patterns=np.zeros((513, 0), np.float32), activations=np.zeros((0, 9), np.float32))
ncp = np.random.default_rng(0).random((200, 96, 64), np.float32)
arrays |= dict(frames=np.zeros((1, 8, 8, 3), np.uint8), frame_times=np.zeros(1))
one = Proposals(duration=1.0, size=(8, 8), ncp=ncp, **arrays)
for n in range(10000):
    store.write(str(n), one)
    print(n, flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="killed by signals")
def test_killed_while_writing(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        while program.stdout.readline() != "3\n":
            pass
        reader = Store(tmp_path)
        assert reader.read("3").ncp.shape == (200, 96, 64)  # while the other goes on
        program.send_signal(signal.SIGKILL)
    done = list(Store(tmp_path).keys())
    assert len(done) >= 4
    for key in done:
        assert Store(tmp_path).read(key).ncp.any()
