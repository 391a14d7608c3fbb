"""Recordings made on the spot, with the truth about them: everyday noises, and string players who are seen to play.

Noises are one function each; an ensemble goes from notes (:mod:`avfront.synth.score`) by way of the bow
(:mod:`avfront.synth.bowing`) to its sound (:mod:`avfront.synth.strings`) and its picture (:mod:`avfront.synth.stage`).

A collection of videos with weak labels (:mod:`avfront.synth.collection`) shows drawn objects of twelve classes and lets
them be heard.
"""

from avfront.synth.noises import rain, traffic, wind

__all__ = ["rain", "traffic", "wind"]
