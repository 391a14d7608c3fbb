"""A spectrogram and a motion recording of the same events, factorized together: apart, softly and hard coupled.

python examples/factorize_two_views.py      # needs nmfcore[audio] for the picture
"""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from nmfcore import models

rng = np.random.default_rng(0)
events = rng.gamma(0.3, size=(4, 50)).repeat(4, axis=1)
sound = rng.gamma(0.3, size=(60, 4)) @ (events * rng.gamma(5, 0.2, events.shape)) + 1e-3  # each view has its own
motion = rng.gamma(0.3, size=(12, 4)) @ (events * rng.gamma(5, 0.2, events.shape)) + 1e-3  # fluctuations

options = {"n_iter": 300, "n_restarts": 5, "seed": 0}
fits = {
    "apart (δ = 0)": models.cofactorize([sound, motion], 4, coupling="l1", delta=0.0, **options),
    "soft (δ = 0.1)": models.cofactorize([sound, motion], 4, coupling="l1", delta=0.1, **options),
    "hard": models.cofactorize([sound, motion], 4, betas=[1, 2], **options),
    "partial, one own component each": models.cofactorize([sound, motion], 3, own=[1, 1], **options),
}
figure, axes = plt.subplots(1, len(fits), figsize=(13, 3), layout="constrained")
for axis, (name, fit) in zip(axes, fits.items(), strict=True):
    rows = [h / h.sum(1, keepdims=True) for h in fit.H]
    away = np.abs(rows[0] - rows[1]).sum(1).mean() / 2
    print(f"{name:32} activations differ by {away:.0%}")
    axis.plot(rows[0][0], label="sound")
    axis.plot(rows[1][0], "--", label="motion")
    axis.set(title=name, xlabel="frame")
axes[0].legend()
figure.savefig("factorize_two_views.png", dpi=110)
print("picture: factorize_two_views.png")
