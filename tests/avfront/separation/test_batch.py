"""Several recordings at once, models that are kept, beams, directions, and recordings without geometry."""

import json
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from avfront.separation import Job, run
from avfront.sources import parse
from nmfcore import spatial

RATE = 8000


@pytest.fixture
def four(sounds, save):
    """A mixture of four channels: the stereo one, delayed a little."""
    samples = np.concatenate([sounds.samples, np.roll(sounds.samples, 3, axis=1)])
    return save("four.wav", samples)


def test_many_recordings_share_one_call(separate, sounds, save, tmp_path):
    quiet = save("quiet.wav", 0.1 * sounds.samples)
    result = separate(quiet, "-o", tmp_path / "out", "--json")
    assert result.exit_code == 0, result.stderr
    reports = json.loads(result.stdout)
    assert [report["mixture"]["path"] for report in reports] == [str(sounds.mix), str(quiet)]
    for name, level in (("mix", 1.0), ("quiet", 0.1)):
        images = [soundfile.read(tmp_path / "out" / name / f"{one}.wav")[0] for one in ("speech", "noise")]
        np.testing.assert_allclose(sum(images), level * sounds.samples.T, atol=1e-5)
    # The dictionary is learned from the examples once, and serves both alike.
    assert "dictionary" in reports[0]["timings"]
    assert "dictionary" not in reports[1]["timings"]
    alone = separate("-o", tmp_path / "alone", mix=quiet)
    assert alone.exit_code == 0, alone.stderr
    one, other = (soundfile.read(tmp_path / path / "speech.wav")[0] for path in ("out/quiet", "alone"))
    np.testing.assert_array_equal(one, other)


def test_a_bad_recording_keeps_no_other_from_its_files(separate, save, tmp_path):
    silent = save("silent.wav", np.zeros((2, RATE)))
    result = separate(silent, "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert "silent.wav: the recording is silent" in result.stderr
    assert (tmp_path / "out" / "mix" / "speech.wav").exists()
    assert not (tmp_path / "out" / "silent").exists()


def test_nor_does_a_failure_that_nobody_foresaw(sounds, save, tmp_path):
    job = Job(sounds.mix, parse([f"speech={sounds.speech}", f"noise={sounds.noise}"]), tmp_path, picture=False)
    job = replace(job, options={"components": 3, "iterations": 2})
    other = save("other.wav", sounds.samples)
    failed = []

    def fail_once(stage: str, share: float) -> None:
        if not failed:
            failed.append(stage)
            raise ZeroDivisionError("division by nought")

    outcomes, errors = run(job, [sounds.mix, other], fail_once)
    assert [outcome.report["mixture"]["path"] for outcome in outcomes] == [str(other)]
    assert [error.file for error in errors] == [str(sounds.mix)]
    assert "division by nought" in str(errors[0])


def test_two_recordings_of_one_name_are_refused(separate, save, tmp_path, one_sentence, sounds):
    other = save("elsewhere/mix.wav", sounds.samples)
    assert "one folder" in one_sentence(separate(other, "-o", tmp_path / "out"), 2)


def test_without_geometry_the_start_is_chosen_and_told(separate, four, tmp_path):
    result = separate("-o", tmp_path / "out", "--json", mix=four)
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert [one["spatial_start"] for one in report["sources"]] == ["its direct path as it is heard", "as it is heard"]
    assert report["microphones"] == {"positions_m": None, "from": "not given"}
    images = [soundfile.read(tmp_path / "out" / f"{one}.wav")[0] for one in ("speech", "noise")]
    np.testing.assert_allclose(sum(images), soundfile.read(four)[0], atol=1e-5)


@pytest.mark.parametrize(
    ("given", "how"),
    [
        ((), "its direct path as it is heard"),
        (("--mic-distance", "0.1"), "heard at"),
        (("--doa", "speech=90"), "the direction given"),
    ],
)
def test_two_channels_are_a_pair_where_that_is_said(separate, tmp_path, given, how):
    result = separate("-o", tmp_path / "out", "--json", *given)
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["sources"][0]["spatial_start"].startswith(how)


@pytest.mark.parametrize("model", ["separation", "denoising", "nmf", "free"])
@pytest.mark.parametrize("covariance", ["full", "diagonal"])
def test_every_variance_model_and_covariance(separate, four, tmp_path, model, covariance):
    result = separate("-o", tmp_path / "out", "--variance-model", model, "--covariance", covariance, mix=four)
    assert result.exit_code == 0, result.stderr
    images = [soundfile.read(tmp_path / "out" / f"{one}.wav")[0] for one in ("speech", "noise")]
    np.testing.assert_allclose(sum(images), soundfile.read(four)[0], atol=1e-5)


def test_a_given_direction_is_used(separate, tmp_path):
    result = separate("-o", tmp_path / "out", "--json", "--doa", "speech=60:10", "noise=-30")
    assert result.exit_code == 0, result.stderr
    starts = {one["name"]: one["spatial_start"] for one in json.loads(result.stdout)["sources"]}
    assert starts["speech"] == "the direction given, 60° azimuth, 10° elevation"
    assert starts["noise"] == "the direction given, -30° azimuth, 0° elevation"


@pytest.mark.parametrize("words", [["speech"], ["speech=north"], ["speech=1:2:3"], ["speech=1:95"], ["a=1", "a=2"]])
def test_bad_directions_are_named(separate, tmp_path, one_sentence, words):
    one_sentence(separate("-o", tmp_path / "out", *[w for one in words for w in ("--doa", one)]), 2)


def test_directions_need_a_geometry_and_a_source(separate, four, tmp_path, one_sentence):
    words = ("-o", tmp_path / "out", "--doa", "speech=10")
    assert "--array" in one_sentence(separate(*words, mix=four), 1)
    assert "'violin'" in one_sentence(separate("-o", tmp_path / "out", "--doa", "violin=10"), 2)


@pytest.mark.parametrize("kind", ["mvdr", "rank1"])
def test_beams_have_one_channel(separate, four, tmp_path, kind):
    result = separate("-o", tmp_path / "out", "--beam", kind, mix=four)
    assert result.exit_code == 0, result.stderr
    for name in ("speech", "noise"):
        samples, _ = soundfile.read(tmp_path / "out" / f"{name}.wav", always_2d=True)
        assert samples.shape == (len(soundfile.read(four)[0]), 1)
        assert np.abs(samples).max() > 1e-3


def test_a_kept_model_serves_again(separate, tmp_path):
    first = separate("-o", tmp_path / "one", "--save-model")
    assert first.exit_code == 0, first.stderr
    kept = tmp_path / "one" / "model.safetensors"
    second = separate("-o", tmp_path / "two", "--load-model", kept, "--json")
    assert second.exit_code == 0, second.stderr
    one, two = (json.loads((tmp_path / name / "report.json").read_text()) for name in ("one", "two"))
    assert {source["spatial_start"] for source in two["sources"]} == {"an earlier fit"}
    # EM goes on: its likelihood begins above where it ended.
    assert two["objective"]["history"][0][0] > one["objective"]["history"][0][-1]


def test_a_kept_model_of_blocks_lends_no_activations(separate, save, sounds, tmp_path):
    """Blocks are equally long: what was active in the last must not become what is active in the first."""
    long = save("long.wav", np.tile(sounds.samples, 3))
    assert separate("-o", tmp_path / "one", "--blocks", "2", "--save-model", mix=long).exit_code == 0
    kept = tmp_path / "one" / "model.safetensors"
    model, _ = spatial.load(kept)
    assert (model.H, model.v.shape[-1]) == (None, 0)
    again = separate("-o", tmp_path / "two", "--blocks", "2", "--load-model", kept, mix=long)
    assert again.exit_code == 0, again.stderr
    report = json.loads((tmp_path / "two" / "report.json").read_text())
    assert {source["spatial_start"] for source in report["sources"]} == {"an earlier fit"}


def test_a_kept_model_of_another_recording_lends_no_activations(separate, save, sounds, tmp_path):
    assert separate("-o", tmp_path / "one", "--save-model").exit_code == 0
    climbed = []
    for name, mix in (("same", sounds.mix), ("reversed", save("reversed.wav", sounds.samples[:, ::-1]))):
        result = separate("-o", tmp_path / name, "--load-model", tmp_path / "one" / "model.safetensors", mix=mix)
        assert result.exit_code == 0, result.stderr
        (history,) = json.loads((tmp_path / name / "report.json").read_text())["objective"]["history"]
        climbed.append(history[-1] - history[0])
    assert climbed[1] > 2 * climbed[0]  # EM begins anew where it cannot go on


def test_models_that_cannot_serve_are_named(separate, four, tmp_path, one_sentence, sounds):
    assert separate("-o", tmp_path / "one", "--save-model").exit_code == 0
    kept = tmp_path / "one" / "model.safetensors"
    out = ("-o", tmp_path / "out")
    assert "4 and" in one_sentence(separate(*out, "--load-model", kept, mix=four))
    assert "no such file" in one_sentence(separate(*out, "--load-model", tmp_path / "none"))
    assert "no model" in one_sentence(separate(*out, "--load-model", sounds.mix))
    assert "--method spatial" in one_sentence(separate(*out, "--save-model", "--method", "gssm"), 2)
    reference = ("--reference", f"speech={sounds.images['speech']}")
    assert "--beam" in one_sentence(separate(*out, "--beam", "mvdr", *reference), 2)


def test_blocks_keep_the_sources_apart_and_add_up(separate, save, sounds, tmp_path):
    long = save("long.wav", np.tile(sounds.samples, 3))
    result = separate("-o", tmp_path / "out", "--blocks", "2", "--json", mix=long)
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert len(report["segments"]) == 3
    images = [soundfile.read(tmp_path / "out" / f"{one}.wav")[0] for one in ("speech", "noise")]
    np.testing.assert_allclose(sum(images), np.tile(sounds.samples, 3).T, atol=1e-5)
    for source in report["sources"]:
        assert source["snr_db"] == pytest.approx(-report["sources"][source["name"] == "speech"]["snr_db"])
        assert len(source["example_activity"]) == 2
        assert len(source["spatial_spectrum"]["value"]) == 72
