"""Draws docs/img/*.png and rewrites the measured parts of the pages, from benchmarks/results/*.json alone.

Run by `make bench-report`. A section of a page is a module here with `section(results)` and, where it has a picture,
`draw(results)`; the sections of quality ask the programs of benchmarks/quality for their tables.
"""
