"""Separation quality on simulated rooms and on pairs of everyday sounds.

Each table is one command (`python -m benchmarks.quality.spatial`, `python -m benchmarks.quality.onthefly`),
writes its numbers under `benchmarks/results/` and draws its picture from that file alone.
"""
