"""The command line on real files: what it writes, what it says, how it fails."""

import json
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

import nmfcore
from avfront.cli import spread

COMMAND = [sys.executable, "-m", "avfront"]


def samples(path: Path) -> np.ndarray:
    return soundfile.read(path, always_2d=True)[0].T


def hidden(folder: Path) -> list[Path]:
    """Whatever an unfinished job might have left."""
    return [path for path in folder.rglob("*") if path.name.startswith(".")]


@pytest.mark.parametrize("method", ["spatial", "gssm"])
def test_images_add_up_to_the_mixture(separate, sounds, tmp_path, method):
    result = separate("-o", tmp_path / "out", "--method", method)
    assert result.exit_code == 0, result.stderr
    speech, noise = (samples(tmp_path / "out" / f"{name}.wav") for name in ("speech", "noise"))
    assert speech.shape == sounds.samples.shape
    assert np.abs(speech + noise - sounds.samples).max() < 1e-5
    assert np.abs(speech).max() > 0.01
    assert np.abs(noise).max() > 0.01
    assert soundfile.info(tmp_path / "out" / "speech.wav").samplerate == soundfile.info(sounds.mix).samplerate
    assert hidden(tmp_path) == []


@pytest.mark.skipif(find_spec("museval") is None, reason="scores need museval")
def test_separation_improves_on_the_mixture(avfront, sounds, tmp_path):
    """With a real model, and not the quick one, the sources come nearer to the truth than the mixture is."""
    references = [f"{name}={path}" for name, path in sounds.images.items()]
    result = avfront(
        "separate",
        sounds.mix,
        *sounds.sources,
        "-o",
        tmp_path,
        "--json",
        "--reference",
        *references,
        "--no-picture",
    )
    assert result.exit_code == 0, result.stderr
    scores = json.loads(result.stdout)["scores"]
    for name in ("speech", "noise"):
        assert scores[name]["separated"]["SDR"] > scores[name]["mixture"]["SDR"] + 2.0, scores


def test_json_is_all_that_is_printed(separate, tmp_path):
    result = separate("-o", tmp_path / "out", "--json")
    assert result.exit_code == 0
    assert result.stderr == ""
    report = json.loads(result.stdout)
    assert report == json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert report["method"] == "spatial"
    assert report["avfront"] == nmfcore.__version__
    assert set(report["timings"]) >= {"read", "dictionary", "separate", "write", "total"}
    assert [source["name"] for source in report["sources"]] == ["speech", "noise"]
    history = report["objective"]["history"][0]
    assert len(history) == 2
    assert history[1] > history[0]


def test_quiet_prints_nothing(separate, tmp_path):
    result = separate("-o", tmp_path / "out", "--quiet")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")


def test_table_names_what_was_written(separate, tmp_path):
    result = separate("-o", tmp_path / "out")
    assert result.exit_code == 0
    plain = "".join(result.stdout.split())
    for name in ("speech.wav", "noise.wav", "report.json"):
        assert name in plain


def test_picture_is_drawn(avfront, sounds, tmp_path):
    words = ["--components", "3", "--iterations", "1"]
    assert avfront("separate", sounds.mix, *sounds.sources, *words, "-o", tmp_path).exit_code == 0
    assert (tmp_path / "spectrogram.png").read_bytes().startswith(b"\x89PNG")


def test_the_same_seed_gives_the_same_files(separate, tmp_path):
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert separate("-o", tmp_path / folder, "--seed", seed, "--quiet").exit_code == 0
    first, again, other = (samples(tmp_path / folder / "speech.wav") for folder in "abc")
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_mono_goes_to_gssm(separate, save, sounds, tmp_path):
    mono = save("mono.flac", sounds.samples[0] / 4, subtype="PCM_16")
    result = separate("-o", tmp_path / "out", "--json", mix=mono)
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert (report["method"], report["mixture"]["channels"]) == ("gssm", 1)
    parts = [samples(tmp_path / "out" / f"{name}.wav") for name in ("speech", "noise")]
    assert np.abs(sum(parts) - samples(mono)).max() < 1e-5


@pytest.mark.parametrize("method", ["spatial", "gssm"])
def test_background_takes_what_has_no_example(separate, sounds, tmp_path, method):
    words = ["-o", tmp_path / "out", "--background", 3, "--method", method]
    assert separate(*words).exit_code == 0
    parts = [samples(tmp_path / "out" / f"{name}.wav") for name in ("speech", "noise", "background")]
    assert np.abs(sum(parts) - sounds.samples).max() < 1e-5
    assert np.abs(parts[2]).max() > 0


def test_a_single_source_gets_a_background(separate, sounds, tmp_path):
    result = separate("-o", tmp_path / "out", sources=["--sources", f"speech={sounds.speech}"])
    assert result.exit_code == 0
    assert "only source" in result.stderr
    assert (tmp_path / "out" / "background.wav").exists()


@pytest.mark.parametrize("model", ["joint", "separation", "denoising", "nmf", "free"])
def test_every_variance_model(separate, sounds, tmp_path, model):
    result = separate("-o", tmp_path / "out", "--variance-model", model)
    assert result.exit_code == 0, result.stderr
    parts = [samples(tmp_path / "out" / f"{name}.wav") for name in ("speech", "noise")]
    assert np.abs(sum(parts) - sounds.samples).max() < 1e-5
    assert ("learns nothing from the examples" in result.stderr) == (model in ("nmf", "free"))


def test_sources_in_every_way_of_writing(avfront, sounds, tmp_path):
    """Several words after one --sources, the option again, the recording last, and an equals sign."""
    quick = ["--components", "2", "--iterations", "1", "--no-picture", "--json"]
    speech, noise = f"speech={sounds.speech}", f"noise={sounds.noise}"
    calls = [
        ["separate", sounds.mix, "--sources", speech, noise],
        ["separate", sounds.mix, "--sources", speech, "--sources", noise],
        ["separate", "--sources", speech, noise, sounds.mix],
        ["separate", f"--sources={speech}", f"--sources={noise}", sounds.mix],
    ]
    for number, words in enumerate(calls):
        result = avfront(*words, *quick, "-o", tmp_path / str(number))
        assert result.exit_code == 0, (words, result.stderr)
        assert [source["name"] for source in json.loads(result.stdout)["sources"]] == ["speech", "noise"]
        used = [len(source["examples"]) for source in json.loads(result.stdout)["sources"]]
        assert used == [2, 2]


@given(
    st.lists(
        st.one_of(
            st.sampled_from(["--sources", "-o", "--", "mix.wav", "--force"]),
            st.from_regex(r"[a-z]=[a-z]", fullmatch=True),
        ),
        max_size=8,
    )
)
def test_spreading_keeps_every_word_in_order(words):
    """Only repetitions of the option are added, and doing it twice adds nothing more."""
    once = spread(words, {"--sources": "="})
    rest = iter(once)
    assert all(word in rest for word in words)
    assert len([w for w in once if w != "--sources"]) == len([w for w in words if w != "--sources"])
    assert spread(once, {"--sources": "="}) == once


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--sources", "speech"], "names no source"),
        (["--sources", "speech="], "has no files"),
        (["--sources", "a/b=x.wav"], "not fit for a file name"),
        (["--sources", "../up=x.wav"], "not fit for a file name"),
        (["--sources", "background=x.wav"], "reserved"),
        (["--sources", "Mixture=x.wav"], "reserved"),
        (["--sources", "report=x.wav"], "reserved"),
        (["--sources", "a=x.wav", "A=y.wav"], "given twice"),
        (["--sources", "a=SPEECH", "b=NOISE", "--components", "many"], "--components many"),
        (["--sources", "a=SPEECH", "b=NOISE", "--components", "0"], "--components 0"),
        (["--sources", "a=SPEECH", "b=NOISE", "--components", "c=3"], "'c', which is not a source"),
        (["--sources", "a=SPEECH", "b=NOISE", "--adaptive", "4"], "--adaptive 4"),
        (["--sources", "a=SPEECH", "b=NOISE", "--method", "magic"], "no method 'magic'"),
        (
            ["--sources", "a=SPEECH", "b=NOISE", "--method", "gssm", "--variance-model", "nmf"],
            "--variance-model",
        ),
        (["--sources", "a=SPEECH", "b=NOISE", "--variance-model", "wild"], "no variance model 'wild'"),
        (["--sources", "a=SPEECH", "b=NOISE", "--device", "abacus"], "abacus"),
        (["--sources", "a=SPEECH", "b=NOISE", "--mic-distance", "-1"], "distance of -1 m"),
        (["--sources", "a=SPEECH", "b=NOISE", "--reference", "a"], "--reference a"),
        (
            ["--sources", "a=SPEECH", "b=NOISE", "--reference", "c=SPEECH/voice3.flac"],
            "'c', which is not a source",
        ),
        (["--sources", "a=SPEECH", "b=NOISE", "--segment", "0.5"], "--blocks 0.5"),
        (["--sources", "a=SPEECH", "b=NOISE", "--blocks", "inf"], "--blocks inf"),
        (["--sources", "a=SPEECH", "b=NOISE", "--examples", "inf"], "--examples inf"),
        (["--sources", "a=SPEECH", "b=NOISE", "--sparsity", "inf"], "--sparsity inf"),
        (["--sources", "a=SPEECH/voice3.flac", "SPEECH/voice4.flac", "b=NOISE"], "'b=NOISE' stands where"),
        (["--sources", "a=SPEECH", "--background", "0"], "would be given the whole mixture"),
    ],
)
def test_wrong_calls_are_told_in_one_sentence(avfront, one_sentence, sounds, tmp_path, words, part):
    words = [word.replace("SPEECH", str(sounds.speech)).replace("NOISE", str(sounds.noise)) for word in words]
    result = avfront("separate", sounds.mix, *words, "-o", tmp_path / "out")
    part = part.replace("NOISE", str(sounds.noise))
    assert part in one_sentence(result, 2)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["separate"],
        ["separate", "MIX"],
        ["separate", "MIX", "--seed", "x"],
        ["separate", "--nonsense"],
        ["no"],
    ],
)
def test_calls_that_do_not_parse_end_with_2(avfront, sounds, words):
    result = avfront(*[str(sounds.mix) if word == "MIX" else word for word in words])
    assert result.exit_code == 2
    assert "Traceback" not in result.stderr


def test_brackets_in_names_are_no_markup(separate, tmp_path):
    result = separate("-o", tmp_path / "[red]")
    assert result.exit_code == 0, result.stderr
    assert "[red]" in result.stdout


def test_no_old_picture_stays_beside_new_sounds(separate, avfront, tmp_path):
    assert separate("-o", tmp_path, "--picture").exit_code == 0
    assert avfront("report", tmp_path).exit_code == 0
    assert separate("-o", tmp_path, "--force", "--seed", 1).exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["noise.wav", "report.json", "speech.wav"]


def test_existing_outputs_stay_without_force(separate, one_sentence, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "speech.wav").write_text("precious")
    (out / "other.txt").write_text("unrelated")
    sentence = one_sentence(separate("-o", out))
    assert "speech.wav" in sentence
    assert "--force" in sentence
    assert (out / "speech.wav").read_text() == "precious"
    assert sorted(path.name for path in out.iterdir()) == ["other.txt", "speech.wav"]

    assert separate("-o", out, "--force").exit_code == 0
    assert samples(out / "speech.wav").shape[0] == 2
    assert (out / "other.txt").read_text() == "unrelated"


def test_output_in_the_place_of_a_file(separate, one_sentence, tmp_path):
    (tmp_path / "out").write_text("a file")
    assert "is a file" in one_sentence(separate("-o", tmp_path / "out"))
    assert "cannot be written to" in one_sentence(separate("-o", tmp_path / "out" / "deeper"))
    assert (tmp_path / "out").read_text() == "a file"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is forbidden to root")
def test_output_folder_without_permission(separate, one_sentence, tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    assert "cannot be written to" in one_sentence(separate("-o", locked))


def test_an_input_is_never_replaced(separate, one_sentence, sounds, save, tmp_path):
    """Even with --force: the recording itself has the name of an output."""
    mix = save("speech.wav", sounds.samples)
    before = mix.read_bytes()
    assert "would be replaced" in one_sentence(separate("-o", tmp_path, "--force", mix=mix))
    assert mix.read_bytes() == before


def test_debug_shows_the_traceback(sounds, tmp_path):
    words = ["separate", str(tmp_path / "none.wav"), *sounds.sources, "-o", str(tmp_path / "out")]
    quiet = subprocess.run([*COMMAND, *words], capture_output=True, text=True, check=False)
    assert quiet.returncode == 1
    assert quiet.stderr.count("\n") == 1
    loud = subprocess.run([*COMMAND, *words, "--debug"], capture_output=True, text=True, check=False)
    assert loud.returncode == 1
    assert "Traceback" in loud.stderr
    assert "no such file" in loud.stderr


def test_help_and_version_load_no_numbers():
    """They answer at once: NumPy, soundfile and matplotlib wait until they are needed."""
    program = "import sys, avfront.cli; print({'numpy', 'soundfile', 'matplotlib', 'scipy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
    for words, part in (
        (["--help"], "separate"),
        (["separate", "--help"], "--sources"),
        (["--version"], nmfcore.__version__),
    ):
        done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, check=True)
        assert part in done.stdout


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_job_leaves_nothing(sounds, save, tmp_path, number):
    """Ctrl-C in the middle of the separation: status 130, one sentence, no file and no folder."""
    long = save("long.wav", np.tile(sounds.samples, 30))
    out = tmp_path / "new" / "out"
    words = ["separate", str(long), *sounds.sources, "-o", str(out), "--iterations", "100000", "--quiet"]
    # A shell that runs this test in the background ignores SIGINT, and its children would inherit that.
    program = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
        f" sys.argv[1:] = {words!r}; from avfront.__main__ import main; main()"
    )
    with subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True) as job:
        deadline = time.monotonic() + 60
        while not hidden(tmp_path) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert hidden(tmp_path), "the job never began"
        time.sleep(1.0)
        job.send_signal(number)
        _, said = job.communicate(timeout=60)
    assert job.returncode == 130
    assert said.count("\n") == 1
    assert "interrupted" in said
    assert not (tmp_path / "new").exists()
    assert hidden(tmp_path) == []
