"""Which of the things that move makes the sound? Cross-modal regression of motion by sound components.

python examples/find_the_sounding_motion.py      # needs nmfcore[audio] for the picture
"""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from nmfcore import models

rng = np.random.default_rng(1)
frames, names = 400, ["bow 1", "head 1", "foot 1", "bow 2", "head 2"]
players = np.array([0, 0, 0, 1, 1])  # whose motion each is
notes = rng.gamma(0.4, size=(8, frames // 8)).repeat(8, axis=1) * (rng.random((8, frames)) < 0.95)
patterns = rng.gamma(0.15, size=(200, 8))
V = patterns @ notes + 1e-4  # the first player has four notes, the second the others
speeds = np.abs(np.cumsum(rng.standard_normal((frames, 5)), axis=0)) * 0.05  # everything moves somehow ...
speeds[:, 0], speeds[:, 3] = notes[:4].sum(0), notes[4:].sum(0)  # ... and the bows as they sound
speeds /= speeds.mean(0)

for method in ("ls", "sparse", "joint"):
    fit = models.cross_modal_regression(V, speeds, players, method=method, n_components=8, seed=0)
    print(f"{method:7} sounding: {', '.join(names[c] for c in fit.sounding)}")

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.4), layout="constrained")
left.imshow(fit.A[np.argsort(fit.clusters)], aspect="auto")
left.set(xlabel="motion", ylabel="sound component", title="A: what explains what")
left.set_xticks(range(5), names)
right.plot(speeds[:, fit.sounding], alpha=0.5)
right.plot((fit.H.T @ fit.A)[:, fit.sounding], "k:", lw=1)
right.set(xlabel="frame", title="sounding motion, and its regression (dotted)")
figure.savefig("find_the_sounding_motion.png", dpi=120)
print("picture: find_the_sounding_motion.png")
