"""All outputs or none."""

import errno
from pathlib import Path

import pytest

from avfront.errors import AvfrontError
from avfront.outputs import Outputs


def everything(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_files_appear_together_and_at_the_end(tmp_path):
    with Outputs(tmp_path / "a" / "b", ["x", "deep/y", "never"]) as outputs:
        outputs.path("x").write_text("1")
        outputs.path("deep/y").write_text("2")
        assert not (tmp_path / "a" / "b" / "x").exists()
        final = outputs.commit()
    assert final == {"x": tmp_path / "a" / "b" / "x", "deep/y": tmp_path / "a" / "b" / "deep" / "y"}
    assert everything(tmp_path) == ["a", "a/b", "a/b/deep", "a/b/deep/y", "a/b/x"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_nothing_is_left_after_a_failure(tmp_path, error):
    def fail() -> None:
        with Outputs(tmp_path / "a" / "b", ["x", "deep/y"]) as outputs:
            outputs.path("x").write_text("half")
            outputs.path("deep/y").write_text("half")
            raise error

    with pytest.raises(error):
        fail()
    assert everything(tmp_path) == []


def test_a_folder_that_was_there_stays(tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(ZeroDivisionError), Outputs(tmp_path / "out", ["x"]):
        raise ZeroDivisionError
    assert everything(tmp_path) == ["out"]


def test_without_commit_nothing_is_kept(tmp_path):
    with Outputs(tmp_path, ["x"]) as outputs:
        outputs.path("x").write_text("1")
    assert everything(tmp_path) == []


def test_old_files_survive_a_failed_job_with_force(tmp_path):
    (tmp_path / "x").write_text("old")

    def fail() -> None:
        with Outputs(tmp_path, ["x"], force=True) as outputs:
            outputs.path("x").write_text("new")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert (tmp_path / "x").read_text() == "old"
    with Outputs(tmp_path, ["x"], force=True) as outputs:
        outputs.path("x").write_text("new")
        outputs.commit()
    assert (tmp_path / "x").read_text() == "new"


def test_withdrawn_files_go_with_their_folders(tmp_path):
    with Outputs(tmp_path / "out", ["deep/x"]) as outputs:
        outputs.path("deep/x").write_text("1")
        outputs.commit()
        outputs.withdraw()
    assert everything(tmp_path) == []


def test_what_stands_in_the_way(tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "y").write_text("input")
    (tmp_path / "z").write_text("old")
    for names, inputs, force, part in [
        (["x"], [], True, "a folder is in the place"),
        (["y"], [tmp_path / "y"], True, "would be replaced"),
        (["z"], [], False, "z is already there"),
        (["y", "z"], [], False, "y and z are already there"),
    ]:
        with pytest.raises(AvfrontError, match=part):
            Outputs(tmp_path, names, force=force, inputs=inputs).check()
    with pytest.raises(AvfrontError, match="is a file"):
        Outputs(tmp_path / "y", ["a"]).check()


def test_only_announced_names(tmp_path):
    outputs = Outputs(tmp_path, ["x"])
    with pytest.raises(ValueError, match="no output"):
        outputs.path("x")
    with outputs, pytest.raises(ValueError, match="no output"):
        outputs.path("other")


def test_what_an_earlier_job_left_is_no_part_of_this_one(tmp_path):
    for name in ("x", "maybe", "unrelated"):
        (tmp_path / name).write_text("old")
    with Outputs(tmp_path, ["x", "maybe"], force=True) as outputs:
        outputs.path("x").write_text("new")
        outputs.commit()
    assert everything(tmp_path) == ["unrelated", "x"]


def test_of_two_jobs_at_once_the_first_to_finish_stays(tmp_path):
    def fail() -> None:
        with Outputs(tmp_path, ["x"]) as slow:
            slow.path("x").write_text("slow")
            with Outputs(tmp_path, ["x"]) as quick:
                quick.path("x").write_text("quick")
                quick.commit()
            slow.commit()

    with pytest.raises(AvfrontError, match="x is already there"):
        fail()
    assert (tmp_path / "x").read_text() == "quick"
    assert everything(tmp_path) == ["x"]


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        AvfrontError("there is no space left on it", file="HIDDEN/x", remedy="make some"),
    ],
)
def test_a_full_disk_is_told_of_the_folder(tmp_path, error):
    def fail() -> None:
        with Outputs(tmp_path / "out", ["x"]) as outputs:
            if isinstance(error, AvfrontError):
                error.file = str(outputs.path("x"))
            raise error

    with pytest.raises(AvfrontError, match="no space left") as caught:
        fail()
    assert str(caught.value).startswith(str(tmp_path / "out"))
    assert ".avfront-" not in str(caught.value)
    assert everything(tmp_path) == []
