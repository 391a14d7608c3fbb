"""Someone has marked when each source sounds, and what is damaged: that is enough to separate and to repair.

python examples/annotate_activity.py      # needs nmfcore[audio] for the picture
"""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from nmfcore import masks, models

rng = np.random.default_rng(0)
activity = np.ones((2, 240))
activity[1, :60] = activity[0, 60:120] = 0  # each alone for a while, then both
parts = [rng.gamma(0.2, size=(100, 4)) @ rng.gamma(0.3, size=(4, 240)) for _ in range(2)]
truth = np.stack(parts) * activity[:, None]
mixture = truth.sum(0) + 1e-6
damaged = mixture.copy()
damaged[30:50, 150:200] = np.nan

fit = models.activity_nmf(damaged, activity, n_components=4, beta=1, n_iter=500, seed=0)
images = masks.wiener(mixture, fit.parts())
snr = 10 * np.log10((truth**2).sum() / ((images - truth) ** 2).sum())
hole = np.isnan(damaged)
repair = 10 * np.log10((mixture[hole] ** 2).sum() / (((fit.W @ fit.H) - mixture)[hole] ** 2).sum())
print(f"sources {snr:.1f} dB, filled hole {repair:.1f} dB")

figure, axes = plt.subplots(1, 4, figsize=(13, 3), layout="constrained", sharey=True)
shown = {"damaged mixture": damaged, "filled in": fit.W @ fit.H, "source 1": images[0], "source 2": images[1]}
for axis, (name, image) in zip(axes, shown.items(), strict=True):
    axis.imshow(np.sqrt(image), aspect="auto", origin="lower")
    axis.set_title(name)
figure.savefig("annotate_activity.png", dpi=110)
print("picture: annotate_activity.png")
