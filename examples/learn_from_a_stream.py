"""Dictionaries of two kinds of source from endless recordings, in constant memory; then a mixture of the two.

python examples/learn_from_a_stream.py      # needs nmfcore[audio] for the picture
"""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from nmfcore import masks, models

rng = np.random.default_rng(0)
kinds = {name: rng.gamma(0.1, size=(120, 12)) + 1e-5 for name in ("birds", "engines")}


def recordings(name, count=60):
    """One spectrogram after the other, as a reader of files would give them."""
    for _ in range(count):
        yield kinds[name] @ rng.gamma(0.15, size=(12, int(rng.integers(100, 600))))


model = models.learn_dictionary_online({name: recordings(name) for name in kinds}, 12, half_life=3000, seed=0)
truth = np.stack([next(recordings(name))[:, :100] for name in kinds])
fit = models.supervised_nmf(truth.sum(0), model, seed=0)
known = models.supervised_nmf(  # only birds have examples: engines are learned from the mixture
    truth.sum(0), models.learn_dictionary_online({"birds": recordings("birds")}, 12, seed=0), background=12, seed=0
)
figure, axes = plt.subplots(1, 3, figsize=(11, 3), layout="constrained", sharey=True)
axes[0].imshow(np.sqrt(truth[0]), aspect="auto", origin="lower")
axes[0].set_title("birds")
for axis, (name, one) in zip(axes[1:], {"supervised": fit, "semi-supervised": known}.items(), strict=True):
    images = masks.wiener(truth.sum(0), one.parts())
    snr = 10 * np.log10((truth**2).sum() / ((images - truth) ** 2).sum())
    print(f"{name:16} {snr:5.1f} dB")
    axis.imshow(np.sqrt(images[0]), aspect="auto", origin="lower")
    axis.set_title(f"{name}: {snr:.1f} dB")
figure.savefig("learn_from_a_stream.png", dpi=110)
print("picture: learn_from_a_stream.png")
