"""Sound files: looking before reading, reading in blocks, resampling, writing.

Samples are float32 in arrays of shape (channels, samples), full scale is ±1. Reading is by libsndfile (wav,
flac, ogg, opus, mp3, aiff, …), so that any sample format of those containers arrives as float32.
"""

from avfront.audio.libsndfile import SUFFIXES
from avfront.audio.probing import AudioInfo, probe
from avfront.audio.reading import Samples, blocks, read
from avfront.audio.resampling import resample
from avfront.audio.surveying import Survey, survey
from avfront.audio.writing import Writer, write

__all__ = [
    "SUFFIXES",
    "AudioInfo",
    "Samples",
    "Survey",
    "Writer",
    "blocks",
    "probe",
    "read",
    "resample",
    "survey",
    "write",
]
