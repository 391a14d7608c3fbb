"""A film of two string players, and tables of their bows."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import soundfile

from avfront import media
from avfront.synth import bowing, score, stage, strings

_SECONDS = 4.0


@dataclass(frozen=True)
class Film:
    """Two made-up players whose bows and sounds are known."""

    folder: Path
    path: Path
    sounds: np.ndarray  # (J, T)
    scene: stage.Stage
    bows: list[bowing.Bowing]

    PARTS: ClassVar = ("violin", "cello")
    RATE: ClassVar = 16000
    SIZE: ClassVar = (320, 180)

    @property
    def boxes(self) -> list[str]:
        return [f"{b.x:g},{b.y:g},{b.width:g},{b.height:g}" for b in self.scene.boxes]

    @property
    def tables(self) -> list[str]:
        return [f"{part}={self.folder / part}.csv" for part in self.PARTS]


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Film:
    folder = tmp_path_factory.mktemp("film")
    notes = score.compose(Film.PARTS, _SECONDS, seed=5)
    bows = [bowing.bow(notes[part], part, _SECONDS, seed=k) for k, part in enumerate(Film.PARTS)]
    sounds = np.stack(
        [strings.play(notes[part], part, _SECONDS, Film.RATE, seed=k) for k, part in enumerate(Film.PARTS)]
    )
    scene = stage.Stage(bows, size=Film.SIZE, seed=1)
    with media.Writer(folder / "film.mp4", Film.SIZE, {"mixture": sounds.sum(axis=0)[None]}, Film.RATE) as writer:
        for frame in scene.frames():
            writer.write(frame)
    for k, part in enumerate(Film.PARTS):
        bows[k].write(folder / f"{part}.csv", seed=k)
        soundfile.write(folder / f"{part}.wav", sounds[k], Film.RATE, subtype="FLOAT")
    soundfile.write(folder / "mix.wav", sounds.sum(axis=0), Film.RATE, subtype="FLOAT")
    return Film(folder, folder / "film.mp4", sounds, scene, bows)
