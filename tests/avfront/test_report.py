"""report.json: complete, plain, and true."""

import json
import os
from pathlib import Path

import pytest
import soundfile

from avfront import report


def test_the_report_says_what_was_done(separate, sounds, tmp_path):
    result = separate("-o", tmp_path / "out", "--json", "--seed", 7)
    content = json.loads(result.stdout)
    assert content["schema"] == report.SCHEMA
    assert content["mixture"]["path"] == str(sounds.mix)
    assert content["mixture"]["samples"] == sounds.samples.shape[1]
    assert (content["settings"]["seed"], content["settings"]["iterations"]) == (7, 2)
    assert content["settings"]["hop"] * 2 == content["settings"]["frame"]
    assert content["microphones"]["from"].startswith("assumed")
    assert content["segments"] == [[0.0, 1.5]]
    assert content["timings"]["total"] >= content["timings"]["separate"]
    assert content["scores"] is None
    for source in content["sources"]:
        used = [Path(example["path"]) for example in source["examples"]]
        assert len(used) == 2
        for path, example in zip(used, source["examples"], strict=True):
            assert example["seconds"] == pytest.approx(soundfile.info(path).duration)
        assert source["patterns_per_example"] == 3
        assert -60 < source["level_db"] < 3


def test_levels_are_those_of_the_files(separate, sounds, tmp_path):
    content = json.loads(separate("-o", tmp_path / "out", "--json").stdout)
    mixture = (sounds.samples.astype(float) ** 2).sum()
    for source in content["sources"]:
        samples, _ = soundfile.read(tmp_path / "out" / source["file"])
        assert 10 ** (source["level_db"] / 10) == pytest.approx((samples**2).sum() / mixture, rel=0.01)


def test_a_given_array_is_in_the_report(separate, tmp_path):
    content = json.loads(separate("-o", tmp_path / "out", "--json", "--mic-distance", 0.2).stdout)
    assert content["microphones"]["positions_m"] == [[-0.1, 0, 0], [0.1, 0, 0]]
    content = json.loads(separate("-o", tmp_path / "mono", "--json", "--method", "gssm").stdout)
    assert content["microphones"]["positions_m"] is None


@pytest.mark.skipif(os.name == "nt", reason="names of files are Unicode there")
def test_names_that_no_encoding_has(separate, sounds, tmp_path):
    odd = tmp_path / os.fsdecode(b"m\xff\xc3\xbc.wav")
    try:
        odd.write_bytes(sounds.mix.read_bytes())
    except OSError:
        pytest.skip("this file system takes no such name")
    result = separate("-o", tmp_path / "out", "--quiet", mix=odd)
    assert result.exit_code == 0, result.stderr
    assert "m\\udcff" in separate("-o", tmp_path / "again", mix=odd).stdout.replace("\n", "")
    assert json.loads((tmp_path / "out" / "report.json").read_text())["mixture"]["samples"] == 12000
