"""Small recordings made on the spot, and the command line called in this process."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from avfront import synth
from avfront.cli import app

RATE = 8000
# Enough of a model to run through everything, and no more.
QUICK = ["--components", "3", "--iterations", "2", "--no-picture"]


@dataclass(frozen=True)
class Sounds:
    """Files of one separation job; examples and mixture share no sample."""

    folder: Path
    mix: Path  # stereo, 1.5 s
    samples: np.ndarray  # (2, T) of the mixture
    speech: Path  # two files
    noise: Path  # two files, one of them a level deeper
    images: dict[str, Path]  # the truth

    @property
    def sources(self) -> list[str]:
        return ["--sources", f"speech={self.speech}", f"noise={self.noise}"]


def voice(seconds: float, seed: int) -> np.ndarray:
    """Syllables of a gliding pitch with some formants, and pauses."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * RATE)) / RATE
    pitch = 120 + 60 * rng.random() + 25 * np.sin(2 * np.pi * 1.3 * t + seed)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    harmonics = sum(np.sin(k * phase) / (1 + ((k * 150 - 600) / 400) ** 2) for k in range(1, 20))
    return 0.3 * harmonics * np.clip(np.sin(2 * np.pi * 2.5 * t + seed), 0, 1)


def write(path: Path, samples: np.ndarray, rate: int = RATE, subtype: str = "FLOAT") -> Path:
    """Samples (T,) or (I, T) as a sound file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples.T, rate, subtype=subtype)
    return path


@pytest.fixture(scope="session")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Sounds:
    folder = tmp_path_factory.mktemp("sounds")
    near = voice(1.5, seed=0)
    speech = np.stack([near, np.roll(near, 2)])
    noise = np.stack([synth.rain(1.5, RATE, seed) for seed in (1, 2)]).astype(np.float64)
    samples = (speech + noise).astype(np.float32)
    for seed in (3, 4):
        write(folder / "speech" / f"voice{seed}.flac", voice(1.0, seed), subtype="PCM_16")
    write(folder / "noise" / "rain.wav", synth.rain(1.0, RATE, 5))
    write(folder / "noise" / "more" / "wind.ogg", synth.wind(1.0, RATE, 6), subtype="VORBIS")
    return Sounds(
        folder,
        write(folder / "mix.wav", samples),
        samples,
        folder / "speech",
        folder / "noise",
        {
            "speech": write(folder / "images" / "speech.wav", speech),
            "noise": write(folder / "images" / "noise.wav", noise),
        },
    )


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """Writes samples (T,) or (I, T) under a name in the test's folder."""

    def write_here(name: str, samples: Any, rate: int = RATE, subtype: str = "FLOAT") -> Path:
        return write(tmp_path / name, np.asarray(samples), rate, subtype)

    return write_here


@pytest.fixture
def avfront() -> Callable[..., Any]:
    """Calls the command line; an exception that escapes it fails the test."""

    def call(*words: object) -> Any:
        result = CliRunner().invoke(app, [str(word) for word in words])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return call


@pytest.fixture
def separate(avfront: Callable[..., Any], sounds: Sounds) -> Callable[..., Any]:
    """``avfront separate`` of a mixture with the quick model and the usual sources, unless told otherwise."""

    def call(*words: object, mix: object = None, sources: list[str] | None = None) -> Any:
        chosen = sounds.sources if sources is None else sources
        return avfront("separate", sounds.mix if mix is None else mix, *chosen, *QUICK, *words)

    return call


@pytest.fixture
def one_sentence() -> Callable[[Any, int], str]:
    """Checks that a call failed as it should: that exit status, and one sentence on stderr."""

    def check(result: Any, status: int = 1) -> str:
        assert result.exit_code == status, (result.exit_code, result.stdout, result.stderr)
        lines = [line for line in result.stderr.splitlines() if not line.startswith("warning:")]
        assert len(lines) == 1, result.stderr
        assert lines[0].startswith("avfront: ")
        assert lines[0].endswith(".")
        assert "; " in lines[0], "no remedy"
        assert "Traceback" not in result.stderr
        assert result.stdout == ""
        return lines[0]

    return check
