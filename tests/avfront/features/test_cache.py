"""Features of a store: as of each clip alone, computed once, again for other weights or other proposals."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from avfront.errors import AvfrontError
from avfront.proposals import Proposals, Store

pytest.importorskip("zarr")
torch = pytest.importorskip("torch")

from avfront.features import AudioNetwork, FeatureCache, Features, audio_network, extract, visual_network  # noqa: E402


def made(seed: int) -> Proposals:
    rng = np.random.default_rng(seed)
    return Proposals(
        duration=2.0 + seed,
        size=(160, 120),
        frames=rng.integers(0, 256, (2, 30 + 2 * seed, 40, 3), np.uint8),
        frame_times=np.array([0.5, 1.5]),
        boxes=np.array([[0, 0, 160, 120], [20, 20, 40, 60], [80, 10, 50, 50]], np.float32)[: seed + 1],
        box_frames=np.array([0, 0, 1])[: seed + 1],
        tsp=rng.uniform(-4.6, 4, (3, 96, 64)).astype(np.float16).astype(np.float32),
        tsp_times=0.48 * np.arange(3)[:, None] + np.array([0, 0.96]),
        ncp=rng.uniform(-4.6, 4, (4, 96, 64)).astype(np.float16).astype(np.float32),
        ncp_times=np.tile([[0, 0.96], [0.96, 1.92]], (2, 1)),
        ncp_components=np.array([0, 0, 1, 1]),
        patterns=np.ones((513, 2), np.float32),
        activations=np.ones((2, 9), np.float32),
    )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    filled = Store(tmp_path / "set")
    for n in range(3):
        filled.write(f"clip{n}", made(n))
    return filled


class Counting(AudioNetwork):
    """Counts the patches that it sees."""

    name, size = "counting", 2

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))
        self.seen = 0

    def forward(self, log_mel: torch.Tensor) -> torch.Tensor:
        self.seen += len(log_mel)
        return self.weight * log_mel.mean(dim=(1, 2))[:, None].expand(-1, 2)


def same(a: Features, b: Features) -> None:
    for one in fields(Features):
        np.testing.assert_allclose(getattr(a, one.name), getattr(b, one.name), atol=1e-5, err_msg=one.name)


def test_as_of_each_clip_alone(store: Store) -> None:
    audio, visual = audio_network(), visual_network()
    cache = FeatureCache(store, audio, visual)
    shares: list[float] = []
    for again in range(2):
        found = dict(cache.every(store.keys(), progress=lambda _, share: shares.append(share)))
        assert list(found) == ["clip0", "clip1", "clip2"], again
        for n in range(3):
            same(found[f"clip{n}"], extract(made(n), audio, visual))
    assert shares[-1] == 1.0
    assert found["clip2"].box_times.tolist() == [0.5, 0.5, 1.5]
    assert found["clip2"].boxes.dtype == found["clip2"].ncp.dtype == np.float32


def test_computed_once(store: Store) -> None:
    audio, visual = Counting(), visual_network()
    run: Callable[[], list[tuple[str, Features]]] = lambda: list(FeatureCache(store, audio, visual).every(store.keys()))  # noqa: E731
    run()
    assert audio.seen == 3 * 7
    run()
    assert audio.seen == 3 * 7
    store.write("clip1", made(5))  # the file was made again
    found = dict(run())
    assert audio.seen == 4 * 7
    assert found["clip1"].duration == 7.0
    with torch.no_grad():
        audio.weight *= 2
    run()
    assert audio.seen == 7 * 7


def test_damaged_features_are_computed_again(store: Store) -> None:
    audio, visual = Counting(), visual_network()
    before = dict(FeatureCache(store, audio, visual).every(store.keys()))
    for path in (store.folder / "features").rglob("clip1.safetensors"):
        path.write_bytes(path.read_bytes()[:-100])
    same(FeatureCache(store, audio, visual)["clip1"], before["clip1"])
    assert audio.seen == 4 * 7


def test_a_clip_without_proposals(store: Store) -> None:
    with pytest.raises(AvfrontError, match="no proposals of clip9"):
        list(FeatureCache(store, audio_network(), visual_network()).every(["clip0", "clip9"]))


def test_no_clips(store: Store) -> None:
    assert list(FeatureCache(store, audio_network(), visual_network()).every([])) == []


def test_without_a_network_there_is_nothing_of_its_modality(store: Store) -> None:
    audio, visual = audio_network(), visual_network()
    deaf, blind = FeatureCache(store, None, visual)["clip1"], FeatureCache(store, audio, None)["clip1"]
    assert sorted(path.name.split("-")[0] for path in (store.folder / "features").iterdir()) == ["audio", "visual"]
    same(deaf, extract(made(1), None, visual))
    same(blind, extract(made(1), audio, None))
    assert [len(part) for part in (deaf.boxes, deaf.tsp, deaf.ncp)] == [2, 0, 0]
    assert [len(part) for part in (blind.boxes, blind.tsp, blind.ncp)] == [0, 3, 4]
    assert deaf.duration == blind.duration == 3.0
