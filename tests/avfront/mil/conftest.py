"""Made features: each class has a direction, which some of the proposals of its clips point to."""

from collections.abc import Iterator

import numpy as np
import pytest

from avfront.features import Features

torch = pytest.importorskip("torch")
CLASSES, SIZES = 3, {"audio": 10, "visual": 8}


class Made:
    """Clips of three classes, and networks for them."""

    def features(self, truth: np.ndarray, rng: np.random.Generator) -> Features:
        """Random proposals of a clip, of which one in three shows a class of the clip."""
        arrays: dict[str, np.ndarray] = {}
        for name, count, size in (("boxes", 9, 8), ("tsp", 6, 10), ("ncp", 12, 10)):
            rows = rng.normal(0, 0.3, (count + rng.integers(3), size))
            for which in np.flatnonzero(truth):
                rows[rng.choice(len(rows), len(rows) // 3, replace=False), which] += 2
            arrays[name] = rows.astype(np.float32)
        spans = {name: np.sort(rng.uniform(0, 4, (len(arrays[name]), 2)), axis=1) for name in ("tsp", "ncp")}
        return Features(
            duration=4.0,
            box_times=np.floor(rng.uniform(0, 4, len(arrays["boxes"]))),
            tsp_times=spans["tsp"],
            ncp_times=spans["ncp"],
            ncp_components=np.zeros(len(arrays["ncp"]), int),
            **arrays,
        )

    def clips(self, count: int, seed: int) -> tuple[np.ndarray, list[Features]]:
        """The classes of some clips, and their features."""
        rng = np.random.default_rng(seed)
        truth = np.eye(CLASSES, dtype=bool)[rng.integers(CLASSES, size=count)] | (rng.random((count, CLASSES)) < 0.1)
        return truth, [self.features(row, rng) for row in truth]

    def examples(self, count: int, variant, seed: int):
        from avfront.mil.dataset import Examples, instances

        truth, clips = self.clips(count, seed)
        return Examples(truth, lambda index, rng: instances(clips[index], variant))

    def network(self, variant):
        from avfront.mil.network import Network

        torch.manual_seed(0)
        return Network(variant, CLASSES, SIZES)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Threads cost more than they gain on networks this small."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def made() -> Made:
    return Made()
