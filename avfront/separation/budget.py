"""How long a segment may be, so that its separation fits into memory."""

from avfront import memory
from avfront.errors import AvfrontError
from avfront.methods import Method
from avfront.separation import examples, segments
from avfront.separation.job import Plan

OVERLAP_SECONDS = 1.0
SHORTEST_SEGMENT_SECONDS = 5.0


def spans(plan: Plan, method: Method, frame: int, frames: int) -> list[tuple[int, int]]:
    """Segments that fit into memory."""
    job, info = plan.job, plan.info
    allowed = memory.allowed(job.memory_gb)
    patterns = method.background + sum(len(source.files) * method.patterns(source.name) for source in plan.sources)
    per_sample = method.bytes_per_sample(info.channels, len(plan.names), 2 * patterns / frame)
    # Python and its libraries, the dictionary, and the examples as spectrograms while they are learned from.
    heard = sum(examples.seconds(source, job.example_seconds) for source in plan.sources)
    fixed = 100e6 + 16.0 * patterns * frame + 16.0 * heard * info.rate
    longest = int(max(allowed - fixed, 0.0) / per_sample)  # samples that fit

    def needed(samples: float) -> str:
        return f"about {memory.text(fixed + samples * per_sample)} of memory, and {memory.text(allowed)} may be used"

    if job.segment_seconds == 0:
        if frames > longest:
            raise AvfrontError(
                f"taken as a whole, {frames / info.rate:.0f} s of {info.channels} channels need {needed(frames)}",
                file=info.path,
                remedy="leave out --blocks 0, so that it is separated in blocks",
            )
        return [(0, frames)]
    wanted = round(job.segment_seconds * info.rate)
    least = min(frames, wanted, round(SHORTEST_SEGMENT_SECONDS * info.rate))
    if longest < least:
        raise AvfrontError(
            f"{least / info.rate:.1f} s of {info.channels} channels with {heard:.0f} s of examples need"
            f" {needed(least)}",
            file=info.path,
            remedy="give fewer or shorter examples, lower --components, or raise --memory",
        )
    longest = min(longest, wanted)
    return segments.plan(frames, longest, min(round(OVERLAP_SECONDS * info.rate), longest // 4))
