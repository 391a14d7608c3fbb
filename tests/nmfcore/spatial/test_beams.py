"""Beams: what they let pass and what they stop."""

from typing import Any

import numpy as np
import pytest

from nmfcore import spatial
from nmfcore.spatial.beams import BEAMS
from nmfcore.spatial.covariances import steering

FREQUENCIES = np.linspace(500, 7000, 12)
ARRAY = np.array([[0.0, 0, 0], [0.05, 0, 0], [0, 0.05, 0], [0.02, 0.03, 0.04]])


def scene(channels: int, dtype: type = np.complex128) -> dict[str, Any]:
    """Two plane waves from different directions and a little white noise, with the true v and R."""
    rng = np.random.default_rng(0)
    waves = [steering(FREQUENCIES, ARRAY[:channels], one) for one in ([1, 0, 0], [0, 1, 0])]
    v = rng.gamma(0.5, size=(2, 12, 200)) + 1e-3
    sounds = np.sqrt(v) * (rng.standard_normal((2, 12, 200, 2)) @ [1, 1j]) / np.sqrt(2)
    images = np.stack([d.T[:, :, None] * s for d, s in zip(waves, sounds, strict=True)])
    R = np.stack([0.999 * d[:, :, None] * d[:, None].conj() + 0.001 * np.eye(channels) for d in waves])
    return {"images": images.astype(dtype), "v": v, "R": R}


@pytest.mark.parametrize("reference", [0, 1])
@pytest.mark.parametrize("kind", BEAMS)
@pytest.mark.parametrize("channels", [2, 4])
def test_a_beam_is_the_source_at_the_reference(channels: int, kind: str, reference: int, backend: str) -> None:
    given = scene(channels)
    beams = spatial.beam(
        given["images"].sum(0), given["v"], given["R"], kind=kind, reference=reference, backend=backend
    )
    for j in range(2):
        true = given["images"][j, reference]
        error = 10 * np.log10(np.sum(np.abs(beams[j] - true) ** 2) / np.sum(np.abs(true) ** 2))
        assert error < -18


def test_mvdr_does_not_distort_and_a_single_source_passes() -> None:
    given = scene(3)
    alone = given["images"][0]
    for v, R in ((given["v"], given["R"]), (given["v"][:1], given["R"][:1])):
        np.testing.assert_allclose(spatial.beam(alone, v, R)[0], alone[0], rtol=1e-5)


@pytest.mark.parametrize("kind", BEAMS)
@pytest.mark.filterwarnings("error")
def test_silence_and_a_deaf_reference_stay_finite(kind: str) -> None:
    given = scene(3, np.complex64)
    X = given["images"].sum(0)
    X[0] = 0
    R = given["R"].copy()
    R[:, :, 0], R[:, :, :, 0] = 0, 0
    R[:, :, 0, 0] = 1e-9
    v = given["v"].copy()
    v[1] = 0
    out = spatial.beam(X, v, R, kind=kind)
    assert out.dtype == np.complex64
    assert np.isfinite(out).all()
    one = spatial.beam(X[1:2], v, np.ones((2, 12, 1, 1)), kind=kind)
    np.testing.assert_allclose(one.sum(0), X[1], atol=1e-6)


def test_bad_arguments_are_named() -> None:
    given = scene(2)
    call = (given["images"].sum(0), given["v"], given["R"])
    with pytest.raises(ValueError, match=r"^kind='laser'"):
        spatial.beam(*call, kind="laser")
    with pytest.raises(ValueError, match=r"^reference=2"):
        spatial.beam(*call, reference=2)
