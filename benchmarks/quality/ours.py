"""The rows of Duong et al. (2018), Table I, by nmfcore, and the product's own: mixture in, images out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avfront.methods import Scene, make
from nmfcore import istft, spatial, stft
from nmfcore.models import Dictionary, learn_dictionary

from .mixtures import Mixture
from .rooms import RATE, microphones

Array = NDArray[Any]


FRAME = 1024
PATTERNS = {"speech": 32, "noise": 16}  # per example
LEARNING = 20  # iterations of a dictionary


@dataclass(frozen=True)
class Setting:
    """How one row is computed; the values here are the paper's."""

    variance_model: str = "separation"
    joint_dictionary: bool = False
    fit: dict[str, Any] = field(default_factory=lambda: {"n_iter": 15, "n_inner": 10, "lam": 10.0, "mix": 0.2})

    def with_fit(self, **changes: Any) -> Setting:
        """The same with other arguments of `nmfcore.spatial.fit`."""
        return replace(self, fit={**self.fit, **changes})


SEPARATION = Setting()
DENOISING = Setting("denoising")
NO_SPARSITY = SEPARATION.with_fit(lam=0.0)
JOINT_DICTIONARY = replace(SEPARATION, joint_dictionary=True).with_fit(mix=0.0)
NMF_BASELINE = Setting("nmf").with_fit(n_components=16, lam=0.0, update="em")


def product(mixture: Mixture, array: Array | None, *, seed: int = 0, **options: Any) -> Array:
    """Images (J, I, T) as `avfront separate` makes them, at microphones (I, 3) in metres or in unknown places."""
    method = make("spatial", options)
    frame = round(method.frame_seconds * RATE)
    names = tuple(mixture.examples)
    power = {name: [_power(one, frame) for one in given] for name, given in mixture.examples.items()}
    power = {name: [one / one.mean() for one in given] for name, given in power.items()}
    components = {name: method.patterns(name) for name in names}
    learned = [
        learn_dictionary(power, components, n_iter=method.dictionary_iterations, seed=seed + turn)
        for turn in range(method.dictionaries(len(mixture.mix)))
    ]
    scene = Scene(np.fft.rfftfreq(frame, 1 / RATE), array)
    X = stft(mixture.mix.astype(np.float32), frame)
    found = method.separate(X, learned, names, scene, seed=seed, progress=lambda share: None)
    return istft(np.stack([found.images[name] for name in names]), frame, length=mixture.images.shape[-1])


def separate(mixture: Mixture, setting: Setting, seed: int = 0) -> Array:
    """Images (2, 2, T) of speech and noise."""
    learned = setting.variance_model != "nmf"
    X = stft(mixture.mix.astype(np.float32), FRAME)
    model = spatial.fit(
        X,
        dictionary=dictionary(mixture, setting.joint_dictionary, seed) if learned else None,
        sources=None if learned else tuple(PATTERNS),
        variance_model=setting.variance_model,
        R=_start(),
        seed=seed,
        **setting.fit,
    )
    images = spatial.wiener(X, model.v, model.R)
    return istft(images, FRAME, length=mixture.images.shape[-1])


def dictionary(mixture: Mixture, joint: bool, seed: int) -> Dictionary:
    """Patterns of the mixture's examples."""
    examples = {name: [_power(example, FRAME) for example in mixture.examples[name]] for name in PATTERNS}
    return learn_dictionary(examples, PATTERNS, n_iter=LEARNING, joint=joint, seed=seed)


def _power(example: Array, frame: int) -> Array:
    return np.asarray(np.abs(stft(example.astype(np.float32), frame)) ** 2)


def _start() -> Array:
    """Initial covariances: the talker's direct path from broadside (the paper's 90 degrees), and the diffuse field."""
    pair, frequencies = microphones(), np.arange(FRAME // 2 + 1) * RATE / FRAME
    talker = spatial.direct_diffuse(frequencies, pair, [0.0, 1.0, 0.0], reverberation=0.3)
    return np.stack([talker, spatial.diffuse(frequencies, pair)])
