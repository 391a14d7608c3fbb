"""Microphone positions."""

import json

import numpy as np
import pytest

from avfront.errors import AvfrontError
from avfront.geometry import line, load


@pytest.mark.parametrize("channels", [1, 2, 7])
def test_a_line_is_evenly_spaced_about_its_centre(channels):
    places = line(channels, 0.04)
    assert places.shape == (channels, 3)
    assert np.allclose(np.diff(places[:, 0]), 0.04)
    assert np.allclose(places.mean(axis=0), 0)


@pytest.mark.parametrize("distance", [0, -1, 101, float("nan"), float("inf")])
def test_impossible_distances(distance):
    with pytest.raises(AvfrontError, match="not possible"):
        line(2, distance)


@pytest.mark.parametrize("wrap", [lambda rows: rows, lambda rows: {"positions_m": rows, "name": "my array"}])
@pytest.mark.parametrize("width", [2, 3])
def test_positions_from_a_file(tmp_path, wrap, width):
    rows = np.random.default_rng(0).uniform(-1, 1, (4, width))
    (tmp_path / "mics.json").write_text(json.dumps(wrap(rows.tolist())))
    got = load(tmp_path / "mics.json", 4)
    assert got.shape == (4, 3)
    assert np.array_equal(got[:, :width], rows)
    assert not got[:, width:].any()
