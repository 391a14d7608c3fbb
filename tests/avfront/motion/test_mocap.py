"""Tables as motion capture programs write them, and the activations made of them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from avfront.errors import AvfrontError
from avfront.motion import mocap

T = np.arange(480) / 240


@pytest.fixture
def save(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "bow.txt"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def rows(separator: str, clock: bool = True) -> str:
    body = np.column_stack([*([T] if clock else []), np.where(T < 1, -20, 30), np.sin(6 * T)])
    return "\n".join(separator.join(f"{value:.6g}" for value in row) for row in body)


@pytest.mark.parametrize("separator", [",", ";", "\t", " "])
def test_separators(save: Callable[[str], Path], separator: str) -> None:
    table = mocap.read(save(separator.join(["time", "inclination", "velocity"]) + "\n" + rows(separator) + "\n"))
    assert list(table.columns) == ["inclination", "velocity"]
    np.testing.assert_allclose(table.times, T, atol=1e-5)
    np.testing.assert_allclose(table.columns["velocity"], np.sin(6 * T), atol=1e-5)


def test_decimal_commas(save: Callable[[str], Path]) -> None:
    table = mocap.read(save("time;inclination;velocity\n" + rows(";").replace(".", ",") + "\n"))
    np.testing.assert_allclose(table.times, T, atol=1e-5)
    np.testing.assert_allclose(table.columns["velocity"], np.sin(6 * T), atol=1e-5)


def test_exported_head_tells_the_rate(save: Callable[[str], Path]) -> None:
    head = "NO_OF_FRAMES\t480\nFREQUENCY\t240\nDESCRIPTION\t--\nbow_inclination\tbow_velocity\n"
    table = mocap.read(save(head + rows("\t", clock=False)))
    np.testing.assert_allclose(table.times, T)
    assert list(table.columns) == ["bow_inclination", "bow_velocity"]


def test_rate_given_and_names_missing(save: Callable[[str], Path]) -> None:
    path = save(rows(",", clock=False))
    assert list(mocap.read(path, rate=120.0).columns) == ["column1", "column2"]
    assert mocap.read(path, rate=120.0).times[-1] == pytest.approx(479 / 120)
    with pytest.raises(AvfrontError, match="--mocap-rate"):
        mocap.read(path)


def test_gaps_run_straight(save: Callable[[str], Path]) -> None:
    table = mocap.read(save("time,a\n0,0\n1,\n2,NaN\n3,6\n"))
    np.testing.assert_allclose(table.columns["a"], [0, 2, 4, 6])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no table"),
        ("no numbers\nat all\n", "no table"),
        ("time,a\n0,1\n0,2\n", "do not increase"),
        ("time,a\n0,1\n1,2,3\n", "differ in length"),
        ("time,a,b\n0,1,\n1,2,\n", "no number"),
        ("time\n0\n1\n", "no descriptors"),
    ],
)
def test_bad_tables(save: Callable[[str], Path], text: str, words: str) -> None:
    with pytest.raises(AvfrontError, match=words):
        mocap.read(save(text))
    with pytest.raises(AvfrontError, match="cannot be opened"):
        mocap.read(Path("none.csv"))


def test_activations_are_bins_of_speed() -> None:
    """Each frame's motion lies in the bins of its inclination, and adds up to the mean |velocity|."""
    angle, velocity = 30 * np.sin(3 * T), 2 + np.cos(17 * T)
    at = np.linspace(0.1, 1.9, 60)
    H = mocap.activations(mocap.Table(T, {"tilt": angle, "velocity": velocity}), at, 0.05)
    assert H.shape == (4, 60)
    assert (H >= 0).all()
    np.testing.assert_allclose(H.sum(axis=0), 2 + np.cos(17 * at), atol=0.06)
    edges = np.quantile([angle.min(), angle.max()], np.linspace(0, 1, 5))
    expected = np.clip(np.searchsorted(edges, 30 * np.sin(3 * at)) - 1, 0, 3)
    assert (H.argmax(axis=0) == expected).mean() > 0.85


def test_other_descriptors() -> None:
    """Positions count by how fast they change, velocities as they are."""
    at = np.linspace(0.2, 1.8, 20)
    H = mocap.activations(mocap.Table(T, {"x": 3 * T, "hand_velocity": -2 + 0 * T}), at, 0.05)
    np.testing.assert_allclose(H, np.repeat([[3.0], [2.0]], 20, axis=1), rtol=1e-6)
    np.testing.assert_allclose(mocap.speed(mocap.Table(T, {"x": 3 * T, "y": 4 * T}), at, 0.05), 5, rtol=1e-6)


def test_constant_inclination() -> None:
    H = mocap.activations(mocap.Table(T, {"angle": 0 * T, "speed": 1 + 0 * T}), np.array([1.0]), 0.05)
    np.testing.assert_allclose(H[:, 0], [1, 0, 0, 0])
    with pytest.raises(ValueError, match="bins"):
        mocap.activations(mocap.Table(T, {"x": T}), np.array([1.0]), 0.05, bins=0)
