"""What nmfcore takes beside its peers: the same matrices, threads and run, and the machine's own ceilings.

`make bench` measures and writes one JSON file per workload into `benchmarks/results/`; `make bench-report`
draws the pictures and tables from those files and from nothing else.
"""
