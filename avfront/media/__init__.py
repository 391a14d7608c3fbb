"""Video files: frames with their true times, sound with its offset to them, and writing both, by PyAV.

Every time is in seconds on the file's own clock, which its pictures and its sound share. Streams are decoded as they
are read, so that memory does not grow with their length.
"""

from avfront.media.info import MediaInfo, SoundInfo, VideoInfo, needs, probe
from avfront.media.reading import frames, read_sound, sound
from avfront.media.types import Frame, Image, Samples
from avfront.media.writing import Writer, write

__all__ = [
    "Frame",
    "Image",
    "MediaInfo",
    "Samples",
    "SoundInfo",
    "VideoInfo",
    "Writer",
    "frames",
    "needs",
    "probe",
    "read_sound",
    "sound",
    "write",
]
