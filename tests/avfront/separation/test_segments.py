"""Cutting into overlapping segments and fading them together again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avfront.separation.segments import crossfade, cut, plan


@st.composite
def jobs(draw: st.DrawFn) -> tuple[int, int, int]:
    overlap = draw(st.integers(0, 20))
    return draw(st.integers(1, 500)), draw(st.integers(2 * overlap + 1, 2 * overlap + 90)), overlap


@given(jobs(), st.integers(1, 70))
def test_what_is_cut_and_faded_is_the_whole_again(job, block):
    frames, longest, overlap = job
    spans = plan(frames, longest, overlap)
    assert spans[0][0] == 0
    assert spans[-1][1] == frames
    assert max(stop - start for start, stop in spans) <= longest + 1
    whole = np.random.default_rng(0).standard_normal((2, frames))
    stream = (whole[:, at : at + block] for at in range(0, frames, block))
    parts = list(cut(stream, spans))
    for part, (start, stop) in zip(parts, spans, strict=True):
        assert np.array_equal(part, whole[:, start:stop])
    assert np.allclose(np.concatenate(list(crossfade(iter(parts), spans)), axis=1), whole)


def test_fading_goes_from_one_segment_to_the_next():
    joined = np.concatenate(list(crossfade(iter([np.zeros(60), np.ones(60)]), [(0, 60), (40, 100)])))
    assert len(joined) == 100
    assert not joined[:40].any()
    assert (joined[60:] == 1).all()
    assert (np.diff(joined[40:60]) > 0).all()


def test_a_stream_that_ends_early():
    with pytest.raises(ValueError, match="ended at sample 5"):
        list(cut(iter([np.zeros(5)]), [(0, 9)]))


def test_overlap_as_long_as_a_segment():
    with pytest.raises(ValueError, match="overlap=10"):
        plan(100, 10, 10)
