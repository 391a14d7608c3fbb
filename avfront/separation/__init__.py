"""The separation job: recordings and examples of their sources in, one sound file per source out."""

from avfront.separation.batch import run
from avfront.separation.job import Job
from avfront.separation.pipeline import separate

__all__ = ["Job", "run", "separate"]
