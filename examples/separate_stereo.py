"""Separate a stereo recording from Python, array by array: what `avfront separate` does, step by step.

    python examples/separate_stereo.py      # needs nmfcore[demo]

The recording is the demo's: one talker in noise from all round, in a simulated room. Replace `mixture` and `examples`
by your own arrays.
"""

from pathlib import Path

import numpy as np
import soundfile

import avfront
import nmfcore
from avfront import synth
from avfront.demos.stereo import record
from nmfcore import models, spatial

RATE, FRAME = 16000, 2048
MICROPHONES = np.array([[-0.043, 0, 0], [0.043, 0, 0]])  # metres

truth = record(seed=0)  # (2 sources, 2 channels, samples)
mixture = truth.sum(axis=0)
voices = sorted((Path(avfront.__file__).parent / "sounds").glob("examples_*.flac"))
examples = {
    "speech": [soundfile.read(voice, dtype="float32")[0] for voice in voices],
    "noise": [make(6.0, RATE, seed) for seed in (501, 502) for make in (synth.wind, synth.rain, synth.traffic)],
}

# What the sources sound like: one factorization of all examples in one ragged batch.
power = {name: [np.abs(nmfcore.stft(x, FRAME)) ** 2 for x in given] for name, given in examples.items()}
dictionary = models.learn_dictionary(power, {"speech": 32, "noise": 16}, n_iter=50, seed=0)

X = nmfcore.stft(mixture, FRAME)  # (channels, bins, frames)
frequencies = np.fft.rfftfreq(FRAME, 1 / RATE)

# Where they are: the talker in the direction from which its share of the sound comes, the noise all round.
start = spatial.Start(X, dictionary.sources, frequencies=frequencies, microphones=MICROPHONES)
model = spatial.fit(
    X, dictionary=dictionary, variance_model="joint", R=start, free={"noise": 8}, smoothing=0.95, prior=5.0,
    lam=0.0, n_start=15, n_iter=40, n_inner=1, n_fixed=15, seed=0,
)  # fmt: skip
images = nmfcore.istft(spatial.wiener(X, model.v, model.R), FRAME, length=mixture.shape[1])

for name, true, image in zip(model.sources, truth, images, strict=True):
    before, after = (nmfcore.metrics.sdr(true.ravel(), one.ravel()) for one in (mixture, image))
    soundfile.write(f"{name}.wav", image.T, RATE)
    print(f"{name:7} SDR {before:5.1f} dB in the mixture, {after:5.1f} dB in {name}.wav")
