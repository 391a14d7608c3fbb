"""Which files are examples of which source."""

from pathlib import Path

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from avfront.errors import AvfrontError
from avfront.sources import Source, find, parse


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_folders_are_searched_in_a_fixed_order(tmp_path):
    touch(tmp_path, "b.wav", "a/z.FLAC", "a/c.ogg", "a/notes.txt", ".hidden.wav", "a/._c.ogg", "d/e/f.mp3")
    (tmp_path / "folder.wav").mkdir()
    found = find(Source("x", (tmp_path,)))
    assert [str(path.relative_to(tmp_path)) for path in found.files] == [
        "a/c.ogg",
        "a/z.FLAC",
        "b.wav",
        "d/e/f.mp3",
    ]


def test_a_file_counts_once(tmp_path):
    touch(tmp_path, "a.wav", "b.wav")
    found = find(Source("x", (tmp_path / "b.wav", tmp_path, tmp_path / "." / "b.wav")))
    assert [path.name for path in found.files] == ["b.wav", "a.wav"]


def test_a_named_file_may_have_any_suffix(tmp_path):
    touch(tmp_path, "take.raw2")
    assert find(Source("x", (tmp_path / "take.raw2",))).files == (tmp_path / "take.raw2",)


def test_patterns_that_the_shell_left_alone(tmp_path):
    touch(tmp_path, "take1.wav", "take2.wav", "other.wav")
    source = parse([f"x={tmp_path}/take*.wav"])[0]
    assert [path.name for path in find(source).files] == ["take1.wav", "take2.wav"]


def test_a_comma_in_a_name(tmp_path):
    touch(tmp_path, "one, two.wav")
    assert find(parse([f"x={tmp_path}/one, two.wav"])[0]).files == (tmp_path / "one, two.wav",)


def test_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert parse(["x=~/a.wav,~/b.wav"])[0].files == (tmp_path / "a.wav", tmp_path / "b.wav")


@pytest.mark.parametrize("name", ["speech", "Geige_2", "a.b", "tief-rauschen", "x", "Übung", "9"])
def test_good_names(name):
    assert parse([f"{name}=a.wav"])[0].name == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a/b",
        "a\\b",
        "..",
        ".a",
        "a.",
        "-a",
        "a b",
        "background",
        "MIXTURE",
        "con",
        "NUL",
        "com1.x",
        "x" * 65,
        "a\nb",
    ],
)
def test_bad_names(name):
    with pytest.raises(AvfrontError) as caught:
        parse([f"{name}=a.wav"])
    assert caught.value.usage


def test_nothing_at_all():
    with pytest.raises(AvfrontError, match="no sources"):
        parse([])


@given(st.lists(st.text(max_size=12), max_size=3))
def test_any_words_give_sources_or_one_sentence(words):
    try:
        sources = parse(words)
    except AvfrontError as error:
        refusal, sources = error, ()
        sentence = str(refusal)
        event("refused")
    else:
        refusal, sentence = None, ""
    assert (refusal is None) == bool(sources)
    assert refusal is None or (refusal.exit_status == 2 and sentence.endswith("."))
    for source in sources:
        assert Path(f"{source.name}.wav").name == f"{source.name}.wav"
        assert source.files
