"""Two instruments of the same kind, told apart by how their bows move: soft coupling and its baselines.

python examples/follow_the_bow.py      # needs nmfcore[audio] for the picture
"""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from nmfcore import masks, models

rng = np.random.default_rng(0)
bins, frames, rate = np.arange(257), 300, 16000
pitches = ((9, 11, 13, 15), (10, 12, 14, 17))  # four strings each, in bins: one timbre, so that only motion helps
comb = [[sum(np.exp(-((bins - h * f) ** 2) / 2) / h for h in range(1, 12)) for f in each] for each in pitches]
played = (rng.random((2, 4, frames // 15)) < 0.35) * rng.gamma(2, 0.5, (2, 4, frames // 15))
bows = played.repeat(15, axis=2)  # the speed of each bow on each string
truth = np.stack([np.transpose(comb[j]) @ (bows[j] * rng.gamma(20, 0.05, (4, frames))) for j in (0, 1)])
mixture = truth.sum(0) + 1e-4
motion = bows.reshape(8, frames) + 0.05 * rng.random((8, frames))  # as motion capture would see it
sources = np.repeat([0, 1], 4)

fits = {
    "soft coupling": models.soft_coupled_nmf(mixture, motion, sources, alpha=1.0, smoothness=0.0, seed=0),
    "start from motion": models.motion_init_nmf(mixture**2, motion**2, sources, seed=0),
    "cluster by motion": models.motion_clustering(mixture**2, (bows**2).sum(1), seed=0),
    "cluster by mel spectrum": models.mel_clustering(mixture, 2, rate, n_components=8, seed=0),
}
figure, axes = plt.subplots(1, len(fits) + 1, figsize=(13, 3), layout="constrained", sharey=True)
axes[0].imshow(np.sqrt(truth[0]), aspect="auto", origin="lower")
axes[0].set_title("first instrument")
for axis, (name, fit) in zip(axes[1:], fits.items(), strict=True):
    images = masks.wiener(mixture, fit.parts())
    images = min((images, images[::-1]), key=lambda both: float(((both - truth) ** 2).sum()))  # blind: any order
    snr = 10 * np.log10((truth**2).sum() / ((images - truth) ** 2).sum())
    print(f"{name:24} {snr:5.1f} dB")
    axis.imshow(np.sqrt(images[0]), aspect="auto", origin="lower")
    axis.set_title(f"{name}: {snr:.1f} dB")
figure.savefig("follow_the_bow.png", dpi=110)
print("picture: follow_the_bow.png")
