"""Benchmarks on an NVIDIA GPU: `make bench-gpu` builds, checks, chooses the kernels' forms and times everything.

Without a GPU the same programs run at tiny sizes on the emulated device (``--emulated``): that shows that they work,
and its times mean nothing.
"""
