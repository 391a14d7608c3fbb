"""Where in the picture and when in the sound a class is, by the scores of its proposals; and that drawn."""

from avfront.localization.job import LocalizationJob, run
from avfront.localization.places import Localized, gathered, localize, segments

__all__ = ["LocalizationJob", "Localized", "gathered", "localize", "run", "segments"]
