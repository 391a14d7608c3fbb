"""Factorize many matrices of different sizes in one call, with several starts each, and look at the best.

python examples/factorize_many.py      # needs nmfcore[audio] for the picture
"""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import nmfcore

# Three "recordings" of different lengths, made of the same four notes with harmonics.
rng = np.random.default_rng(0)
bins = np.arange(128)
notes = np.stack([sum(np.exp(-((bins - h * f) ** 2) / 4) / h for h in range(1, 9)) for f in (9, 12, 15, 20)], axis=1)
V = [notes @ rng.gamma(0.2, size=(4, frames)) + 0.01 * rng.random((128, frames)) for frames in (120, 200, 75)]

fit = nmfcore.nmf(V, 4, beta="kullback-leibler", n_iter=300, tol=1e-4, n_restarts=5, seed=0)
for b, status in enumerate(fit.status):
    print(f"matrix {b}: {V[b].shape[1]} frames, divergence {fit.objective[b]:.2f}, {status} after {fit.n_iter[b]}")

figure, axes = plt.subplots(1, 3, figsize=(11, 3.2), layout="constrained")
for axis, W in zip(axes, fit.W, strict=True):
    order = np.argsort(W.argmax(axis=0))
    axis.plot(bins, W[:, order] / W.max(axis=0)[order])
    axis.set(xlabel="bin", title="spectral patterns found")
figure.savefig("factorize_many.png", dpi=120)
print("picture: factorize_many.png")
