from pathlib import Path

import pytest

from avfront.errors import AvfrontError
from avfront.manifest import Clip, read_manifest, write_manifest

GOOD = """path,labels,split,begin,end
a.mp4,dog;siren,train,,
b.mp4, siren ,train,1,2.5
"c, d.mp4",dog,validation,30,
e.mp4,,test,,4
"""


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "manifest.csv"
    path.write_text(GOOD)
    return path


def test_reads_what_is_written(manifest: Path) -> None:
    found = read_manifest(manifest)
    assert found.classes == ("dog", "siren")
    assert [clip.labels for clip in found.clips] == [("dog", "siren"), ("siren",), ("dog",), ()]
    assert [(clip.begin, clip.end) for clip in found.clips] == [(None, None), (1, 2.5), (30, None), (None, 4)]
    assert [clip.path.name for clip in found.of("train")] == ["a.mp4", "b.mp4"]
    assert found.clips[2].path == manifest.parent / "c, d.mp4"
    other = manifest.with_name("copy.csv")
    write_manifest(other, found)
    assert read_manifest(other) == found


def test_keys_outlive_a_move_and_tell_parts_apart(manifest: Path, tmp_path: Path) -> None:
    before = read_manifest(manifest)
    moved = tmp_path / "elsewhere" / "m.csv"
    moved.parent.mkdir()
    moved.write_text(GOOD)
    keys = [clip.key for clip in before.clips]
    assert [clip.key for clip in read_manifest(moved).clips] == keys
    assert len(set(keys)) == 4
    path = Path("a.mp4")
    assert len({Clip(path, (), "test", begin).key for begin in (None, 1.0, 2.0)}) == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no column path"),
        ("path,split\na.mp4,train\n", "no column labels"),
        ("path,labels,split\n,dog,train\n", "line 2: the path is empty"),
        ("path,labels,split\na.mp4,dog\n", "line 2: the split is ''"),
        ("path,labels,split\na.mp4,dog,training\n", "line 2: the split is 'training'"),
        ("path,labels,split,begin\na.mp4,dog,train,x\n", "no number"),
        ("path,labels,split,begin\na.mp4,dog,train,nan\n", "is empty"),
        ("path,labels,split,begin,end\na.mp4,dog,train,4,4\n", "from 4 to 4 s is empty"),
        ("path,labels,split\na.mp4,dog,train\na.mp4,cat,train\n", "listed twice"),
        ("path,labels,split\na.mp4,dog,test\n", "no clip with a label is in the split train"),
        ("path,labels,split\na.mp4,dog,train\nb.mp4,cat,test\n", "'cat' has no clip"),
        ('path,labels,split\n"a.mp4,dog,train\n', "cannot be read"),
        ("path,labels,split\na\udcff.mp4,dog,train\n", "cannot be read"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "manifest.csv"
    path.write_text(text, errors="surrogateescape")
    with pytest.raises(AvfrontError, match=said) as caught:
        read_manifest(path)
    assert str(path) in str(caught.value)


def test_a_missing_manifest(tmp_path: Path) -> None:
    with pytest.raises(AvfrontError, match="no such file"):
        read_manifest(tmp_path / "manifest.csv")
