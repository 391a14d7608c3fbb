"""How many components? Hundreds of factorizations in one batch, what they agree on, and entries they did not see.

python examples/choose_the_rank.py      # needs nmfcore[select]
"""

import numpy as np

from nmfcore import models

# Counts of 40 kinds of event in 150 samples, made by five processes.
rng = np.random.default_rng(0)
processes = rng.gamma(0.2, size=(40, 5))
V = rng.poisson(200 * processes / processes.sum(0) @ rng.gamma(0.5, size=(5, 150))).astype(float)

found = models.select_rank(V, range(2, 10), n_replicates=40, n_iter=300, seed=0)
print("rank  silhouette  worst  cophenetic  held-out error")
for i, rank in enumerate(found.ranks):
    row = (found.silhouette[i], found.least_silhouette[i], found.cophenetic[i], found.held_out[i])
    print(f"{rank:4}  {row[0]:10.2f}  {row[1]:5.2f}  {row[2]:10.3f}  {row[3]:14.3f}")
print(f"stable: {found.stable}, best on held-out entries: {found.best_held_out}")
likeness = (processes / np.linalg.norm(processes, axis=0)).T @ found.W[found.stable - 2]
likeness /= np.linalg.norm(found.W[found.stable - 2], axis=0)
print("cosine of each process with its nearest consensus pattern:", likeness.max(1).round(2))
found.plot().savefig("choose_the_rank.png", dpi=120)
print("picture: choose_the_rank.png")
