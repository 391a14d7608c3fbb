"""The demo of separation by example: speech in noise, made in a simulated room, then separated and scored.

The voice in the mixture is none of the voices in the examples, and the noise examples come from other random
numbers than the noise. The voices are this package's own (``sounds/README.md``), the noises synthetic
(:mod:`avfront.synth`).
"""

import importlib.util
import io
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from avfront import audio, synth
from avfront.errors import AvfrontError
from avfront.job import PICTURE, REPORT, Outcome, Progress
from avfront.outputs import Outputs
from avfront.separation import Job, separate
from avfront.sources import Source

RATE = 16000
SECONDS = 10.0
SPACING_M = 0.086
RT60_S = 0.25
NOISE_POINTS = 10
ROOM_M = (5.2, 4.1, 2.7)
VOICES = ("examples_ben.flac", "examples_cleo.flac", "examples_duncan.flac")

Array = npt.NDArray[np.float64]


def run_demo(output: Path, *, seed: int, force: bool, progress: Progress) -> Outcome:
    """Make ``mix.wav`` and everything that belongs to it in `output`, and separate it there.

    Parameters
    ----------
    output : Path
        Gets mix.wav, speech.wav, noise.wav, report.json and spectrogram.png, and in its folders ``examples``
        and ``references`` what the separation learned from and is scored against.
    seed : int
        Of the noise, the places in the room, and the separation.
    force : bool
        Replace files that are there already.
    progress : callable
        As for :func:`avfront.separation.separate`.

    Raises
    ------
    AvfrontError
        If pyroomacoustics or museval is missing, or the folder cannot be used.
    """
    for module in ("pyroomacoustics", "museval"):
        if importlib.util.find_spec(module) is None:
            raise AvfrontError(f"the demo needs {module}, which is not installed", remedy="pip install 'nmfcore[demo]'")
    Outputs(output, ["speech.wav", "noise.wav", REPORT, PICTURE], force=force).check()
    progress("room", 0.0)
    names = ["mix.wav", *(f"examples/speech/{voice}" for voice in VOICES)]
    names += [f"examples/noise/{name}.wav" for name in _noise_examples(seed)]
    names += ["references/speech.wav", "references/noise.wav"]
    with Outputs(output, names, force=force) as recording:
        images = record(seed, progress)
        audio.write(recording.path("mix.wav"), images.sum(axis=0), RATE)
        for name, image in zip(("speech", "noise"), images, strict=True):
            audio.write(recording.path(f"references/{name}.wav"), image, RATE)
        for voice in VOICES:
            recording.path(f"examples/speech/{voice}").write_bytes(_sound(voice))
        for name, samples in _noise_examples(seed).items():
            audio.write(recording.path(f"examples/noise/{name}.wav"), samples[None], RATE)
        recording.commit()
        try:
            job = Job(
                mixture=output / "mix.wav",
                sources=(
                    Source("speech", (output / "examples" / "speech",)),
                    Source("noise", (output / "examples" / "noise",)),
                ),
                output=output,
                mic_distance=SPACING_M,
                references={name: output / "references" / f"{name}.wav" for name in ("speech", "noise")},
                seed=seed,
                force=force,
            )
            return separate(job, progress)
        except BaseException:
            recording.withdraw()
            raise


def again(output: Path, report: Mapping[str, Any]) -> list[str]:
    """The call of `avfront separate` that makes the same of the recording, but for the scores."""
    sources = [f"{name}={output / 'examples' / name}" for name in ("speech", "noise")]
    words = ["avfront", "separate", str(output / "mix.wav"), "--mic-distance", f"{SPACING_M:g}", "--sources", *sources]
    return [*words, "--seed", str(report["settings"]["seed"]), "-o", "FOLDER"]


def record(seed: int, progress: Progress = lambda stage, share: None) -> npt.NDArray[np.float32]:
    """The demo's recording: images (2, 2, T) of speech and noise at two microphones 8.6 cm apart, 16 kHz.

    A room of 5.2 m x 4.1 m x 2.7 m with a reverberation time of 0.25 s, one talker, and noise from ten points
    all round, each with sound of its own. Both images have the same energy; their sum peaks at 0.5.
    """
    import pyroomacoustics

    rng = np.random.default_rng([seed, 10])
    length = round(SECONDS * RATE)
    lead = RATE // 2  # so that the noise's reverberation is there from the first sample on
    absorption, order = pyroomacoustics.inverse_sabine(RT60_S, ROOM_M)
    centre = np.array([2.5, 1.95, 1.3]) + rng.uniform(-0.3, 0.3, 3)
    turn = rng.uniform(0, 2 * np.pi)
    axis = np.array([np.cos(turn), np.sin(turn), 0.0])
    microphones = centre[:, None] + np.outer(axis, [-SPACING_M / 2, SPACING_M / 2])

    def heard(place: Array, signal: Array) -> Array:
        room = pyroomacoustics.ShoeBox(ROOM_M, fs=RATE, materials=pyroomacoustics.Material(absorption), max_order=order)
        room.add_source(np.clip(place, 0.15, np.subtract(ROOM_M, 0.15)), signal=signal)
        room.add_microphone_array(microphones)
        room.simulate()
        return np.asarray(room.mic_array.signals)

    def around(angle: float, distance: float) -> Array:
        return centre + distance * np.array([np.cos(turn + angle), np.sin(turn + angle), rng.uniform(-0.1, 0.1)])

    images = np.zeros((2, 2, length))
    voice = np.concatenate([np.zeros(lead), _decode("talker_ada.flac")])
    image = heard(around(rng.uniform(0.2, 0.8) * np.pi, 0.9), voice)[:, lead : lead + length]
    images[0, :, : image.shape[1]] = image
    for point in range(NOISE_POINTS):
        angle = 2 * np.pi * (point + rng.uniform(0.1, 0.9)) / NOISE_POINTS
        sound = _noise_of_point(seed, point, SECONDS + lead / RATE)
        images[1] += heard(around(angle, rng.uniform(1.4, 2.4)), sound)[:, lead : lead + length]
        progress("room", (point + 1) / NOISE_POINTS)
    images[1] *= np.sqrt(np.square(images[0]).sum() / np.square(images[1]).sum())
    return np.asarray(images * (0.5 / np.abs(images.sum(axis=0)).max()), dtype=np.float32)


def _noise_of_point(seed: int, point: int, seconds: float) -> Array:
    number = 1000 * (seed + 1) + point
    sound = synth.traffic(seconds, RATE, number).astype(np.float64)
    sound += 0.4 * synth.rain(seconds, RATE, number) + 0.5 * synth.wind(seconds, RATE, number)
    return sound


def _noise_examples(seed: int) -> dict[str, npt.NDArray[np.float32]]:
    """Five examples of noise, none of which is in the mixture."""
    number = 1000 * (seed + 1) + 500
    return {
        "rain": synth.rain(6.0, RATE, number),
        "road1": synth.traffic(6.0, RATE, number),
        "road2": synth.traffic(6.0, RATE, number + 1),
        "wind1": synth.wind(6.0, RATE, number),
        "wind2": synth.wind(6.0, RATE, number + 1),
    }


def _sound(name: str) -> bytes:
    return (resources.files("avfront") / "sounds" / name).read_bytes()


def _decode(name: str) -> Array:
    import soundfile

    samples, _ = soundfile.read(io.BytesIO(_sound(name)), dtype="float64")
    return np.asarray(samples)
