"""Weakly supervised learning from bags of audio and visual proposals (multiple instance learning).

Videos of which only the classes are known teach a system to tell these, and to place them in pictures and in time.
Needs torch: ``pip install 'nmfcore[mil]'``.
"""

from avfront.mil.job import TrainingJob, train
from avfront.mil.network import Variant
from avfront.mil.schedule import Schedule
from avfront.mil.system import Classifier, Fusion, Scores, System

__all__ = ["Classifier", "Fusion", "Schedule", "Scores", "System", "TrainingJob", "Variant", "train"]
