"""Separate a talker from noise with four microphones whose places are known: fit, images, beams, a kept model.

python examples/separate_multichannel.py      # needs nmfcore[demo]
"""

from pathlib import Path

import numpy as np
import pyroomacoustics as pra
import soundfile

import avfront
from avfront import synth
from nmfcore import istft, metrics, models, spatial, stft

RATE, FRAME, PLACES = 16000, 2048, pra.circular_2D_array([0, 0], 4, 0, 0.05).T  # metres
voices = sorted((Path(avfront.__file__).parent / "sounds").glob("examples_*.flac"))
voice, *others = (soundfile.read(path, dtype="float32")[0][: 5 * RATE] for path in voices)
room = pra.ShoeBox([6, 5], fs=RATE, materials=pra.Material(0.5), max_order=8)
room.add_microphone_array(PLACES.T + [[3.0], [2.5]])
room.add_source([4.0, 3.5], signal=voice)
for seed, corner in enumerate(([0.4, 0.4], [5.6, 0.5], [0.5, 4.6], [5.5, 4.5])):
    room.add_source(corner, signal=0.4 * synth.rain(5.0, RATE, seed))
truth = room.simulate(return_premix=True)[..., : 5 * RATE].astype(np.float32)  # (sources, microphones, samples)
X, frequencies = stft(truth.sum(0), FRAME), np.fft.rfftfreq(FRAME, 1 / RATE)

examples = {"speech": others, "noise": [synth.rain(5.0, RATE, 9), synth.wind(5.0, RATE, 9)]}
power = {name: [np.abs(stft(x, FRAME)) ** 2 for x in given] for name, given in examples.items()}
dictionary = models.learn_dictionary(power, 32, seed=0)
start = spatial.Start(X, dictionary.sources, frequencies=frequencies, microphones=PLACES)
settings = {"free": {"noise": 8}, "smoothing": 0.8, "prior": 5, "lam": 0, "n_iter": 40, "n_inner": 1, "n_fixed": 15}
model = spatial.fit(X, dictionary=dictionary, variance_model="joint", R=start, seed=0, **settings)
spatial.save(model, "room.safetensors", frame=FRAME)
images = istft(spatial.wiener(X, model.v, model.R), FRAME, length=5 * RATE)
beams = istft(spatial.beam(X, model.v, model.R, kind="mvdr"), FRAME, length=5 * RATE)
for name, image, beam in zip(model.sources, images, beams, strict=True):
    soundfile.write(f"{name}.wav", image.T, RATE)
    soundfile.write(f"{name}-beam.wav", beam, RATE)
    print(f"{name}: {model.start[name]}; SNR {model.snr()[name]:+.1f} dB")
for name, estimate in (("mixture", truth.sum(0)), ("separated", images[0])):
    print(f"SDR of the talker, {name}: {metrics.sdr(truth[0].ravel(), estimate.ravel()):.1f} dB")
