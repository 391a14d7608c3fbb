"""Whether motion and sound belong together, and fit into the memory."""

from avfront import memory
from avfront.errors import AvfrontError
from avfront.motion.evidence import Captured, Seen
from avfront.motion_job.job import MotionJob
from avfront.motion_job.sound import Sound

_BYTES_PER_SAMPLE = 50.0  # and channel and object, with one more for the mixture: a half more than was measured


def check_times(job: MotionJob, sound: Sound, evidence: Captured | Seen) -> None:
    """Raise AvfrontError if nothing moves while there is sound."""
    begin, end = sound.start, sound.start + sound.samples.shape[1] / sound.rate
    if isinstance(evidence, Seen):
        times = {job.mixture: evidence.tracks.times}
    else:
        times = {job.tables[name]: table.times for name, table in evidence.tables.items()}
    for path, (first, last) in ((path, one[[0, -1]]) for path, one in times.items()):
        if last < begin or end < first:
            raise AvfrontError(
                f"the sound lasts from {begin:.1f} to {end:.1f} s, and the motion from {first:.1f} to {last:.1f} s",
                file=path,
                remedy="give motion and sound on one clock",
            )


def check_memory(job: MotionJob, sound: Sound, objects: int) -> None:
    """Raise AvfrontError if the separation would take more memory than is allowed."""
    limit = memory.allowed(job.memory_gb)
    channels, length = sound.samples.shape
    size = _BYTES_PER_SAMPLE * channels * length * (objects + 1)
    if size > limit:
        raise AvfrontError(
            f"{length / sound.rate:.0f} s with {objects} objects would take {memory.text(size)} of memory, more than"
            f" the {memory.text(limit)} allowed",
            file=job.mixture,
            remedy="cut the video into pieces, or allow more with --memory",
        )
