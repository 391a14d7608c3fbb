"""`python -m benchmarks.report`: draw the pictures and rewrite the pages."""

from .pages import main

main()
