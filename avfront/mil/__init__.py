"""Weakly supervised learning from bags of audio and visual proposals (multiple instance learning).

Needs torch: ``pip install 'nmfcore[mil]'``.
"""
