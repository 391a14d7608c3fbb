"""A talker and rain at four microphones whose places are known: images, beams, a kept model. Needs nmfcore[demo]."""

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
room = pra.ShoeBox([6, 5], fs=RATE, materials=pra.Material(0.5), max_order=8, mics=PLACES.T + [[3.0], [2.5]])
for place, sound in (([4.0, 3.5], voice), ([0.5, 4.6], 0.4 * synth.rain(5.0, RATE, 0))):
    room.add_source(place, signal=sound)
truth = room.simulate(return_premix=True)[..., : 5 * RATE].astype(np.float32)  # (sources, microphones, samples)
X, frequencies = stft(truth.sum(0), FRAME), np.fft.rfftfreq(FRAME, 1 / RATE)
examples = {"speech": others, "noise": [synth.rain(5.0, RATE, 9), synth.wind(5.0, RATE, 9)]}
power = {name: [np.abs(stft(x, FRAME)) ** 2 for x in given] for name, given in examples.items()}
dictionary = models.learn_dictionary(power, 32, seed=0)
start = spatial.Start(X, dictionary.sources, frequencies=frequencies, microphones=PLACES)
model = spatial.fit(X, dictionary=dictionary, variance_model="joint", R=start, lam=0, prior=5, n_iter=40, seed=0)
spatial.save(model, "room.safetensors", frame=FRAME)
images, beams = (istft(f(X, model.v, model.R), FRAME, length=5 * RATE) for f in (spatial.wiener, spatial.beam))
for name, image, beam, true in zip(model.sources, images, beams, truth, strict=True):
    soundfile.write(f"{name}.wav", np.vstack([image, beam]).T, RATE)  # the beam is the last channel
    print(f"{name}: {model.start[name]}; SDR {metrics.sdr(true.ravel(), image.ravel()):.1f} dB")
