from pathlib import Path

import pytest

from avfront.errors import AvfrontError
from avfront.listings import audioset, folders
from avfront.manifest import read_manifest


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_folders_of_classes(tmp_path: Path) -> None:
    touch(
        *(tmp_path / name for name in ("train/dog/a.mp4", "train/cat/b.MKV", "val/dog/a.mp4", "testing/cat/c.webm")),
        *(tmp_path / name for name in ("train/dog/notes.txt", "train/dog/.hidden.mp4", "other/dog/z.mp4")),
    )
    found = read_manifest(tmp_path)
    assert found.classes == ("cat", "dog")
    assert [(clip.path.name, clip.labels, clip.split) for clip in found.clips] == [
        ("c.webm", ("cat",), "test"),
        ("b.MKV", ("cat",), "train"),
        ("a.mp4", ("dog",), "train"),
        ("a.mp4", ("dog",), "validation"),
    ]
    assert len({clip.key for clip in found.clips}) == 4


def test_a_folder_of_another_layout(tmp_path: Path) -> None:
    touch(tmp_path / "dog/a.mp4")
    with pytest.raises(AvfrontError, match="train/CLASS"):
        folders(tmp_path)


def test_lists_as_audioset_has_them(tmp_path: Path) -> None:
    lists = tmp_path / "balanced.csv"
    lists.write_text(
        "# Segments csv created Sun Mar  5 10:54:31 2017\n"
        "# YTID, start_seconds, end_seconds, positive_labels\n"
        '--PJHxphWEs, 30.000, 40.000, "/m/09x0r,/t/dd00088"\n'
        '-0RWZT-miFs, 420.000, 430.000, "/m/09x0r"\n'
    )
    names = tmp_path / "class_labels_indices.csv"
    names.write_text('index,mid,display_name\n0,/m/09x0r,"Speech"\n1,/t/dd00088,"Gush, splash"\n')
    touch(tmp_path / "media/sub/--PJHxphWEs.mp4")
    first, missing = audioset({"train": lists}, tmp_path / "media", names).clips
    assert first.path == tmp_path / "media/sub/--PJHxphWEs.mp4"
    assert (first.labels, first.begin, first.end) == (("Gush, splash", "Speech"), 30, 40)
    assert missing.path == tmp_path / "media/-0RWZT-miFs.mp4"


def test_lists_as_dcase_has_them(tmp_path: Path) -> None:
    train, test = tmp_path / "training_set.csv", tmp_path / "testing_set.csv"
    train.write_text("-5QrBL6MzLg\t60.000\t70.000\tTrain horn\n-5QrBL6MzLg\t60.000\t70.000\tBus\n")
    test.write_text("Yab_60.000_70.000.wav\t60.000\t70.000\tBus\n")
    touch(tmp_path / "media/Y-5QrBL6MzLg_60.000_70.000.mp4", tmp_path / "media/Yab_60.000_70.000.mp4")
    found = audioset({"train": train, "test": test}, tmp_path / "media")
    assert found.classes == ("Bus", "Train horn")
    assert [(clip.path.name, clip.labels, clip.begin, clip.split) for clip in found.clips] == [
        ("Y-5QrBL6MzLg_60.000_70.000.mp4", ("Bus", "Train horn"), None, "train"),
        ("Yab_60.000_70.000.mp4", ("Bus",), None, "test"),
    ]


def test_a_list_of_another_form(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("a.mp4,dog,train\n")
    with pytest.raises(AvfrontError, match="no row of file, begin, end and labels"):
        audioset({"train": path}, tmp_path)
