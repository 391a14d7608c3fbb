"""The job behind `avfront separate VIDEO --motion`: a film, or motion capture and sound, in; a sound per object out."""

from avfront.motion_job.job import MotionJob
from avfront.motion_job.separating import ANALYSED, estimate_delay, separate
from avfront.motion_job.sound import Sound

__all__ = ["ANALYSED", "MotionJob", "Sound", "estimate_delay", "separate"]
