"""Weights from files: public checkpoints by their own names and shapes, and every wrong file said to be wrong."""

import pickle
from pathlib import Path
from typing import Any

import pytest

from avfront.errors import AvfrontError

torch = pytest.importorskip("torch")

from safetensors.torch import save_file  # noqa: E402

from avfront.features import audio_network, fingerprint, visual_network  # noqa: E402
from avfront.features.weights import load  # noqa: E402

# As in the checkpoints' own listings.
TORCHVGGISH = {
    "features.0": (64, 1, 3, 3),
    "features.3": (128, 64, 3, 3),
    "features.6": (256, 128, 3, 3),
    "features.8": (256, 256, 3, 3),
    "features.11": (512, 256, 3, 3),
    "features.13": (512, 512, 3, 3),
    "embeddings.0": (4096, 12288),
    "embeddings.2": (4096, 4096),
    "embeddings.4": (128, 4096),
}
TORCHVISION_ALEXNET = {
    "features.0": (64, 3, 11, 11),
    "features.3": (192, 64, 5, 5),
    "features.6": (384, 192, 3, 3),
    "features.8": (256, 384, 3, 3),
    "features.10": (256, 256, 3, 3),
    "classifier.1": (4096, 9216),
    "classifier.4": (4096, 4096),
    "classifier.6": (1000, 4096),
}


def made(shapes: dict[str, tuple[int, ...]], **more: Any) -> dict[str, Any]:
    """A state dict of those shapes; one number for all of a tensor, so that it costs no memory to make."""
    weights = {f"{name}.weight": torch.full((1,), 1e-3).expand(shape) for name, shape in shapes.items()}
    biases = {f"{name}.bias": torch.full((shape[0],), 0.01) for name, shape in shapes.items()}
    return weights | biases | more


@pytest.mark.parametrize("as_safetensors", [True, False])
def test_torchvggish(tmp_path: Path, as_safetensors: bool) -> None:
    state = made(TORCHVGGISH, **{"pproc.pca_matrix": torch.ones(128, 128)})
    path = tmp_path / ("weights.safetensors" if as_safetensors else "weights.pth")
    if as_safetensors:
        save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    else:
        torch.save(state, path)
    network = audio_network("vggish", path)
    assert {name: tuple(t.shape) for name, t in network.state_dict().items() if name.endswith("weight")} == {
        f"{name}.weight": shape for name, shape in TORCHVGGISH.items()
    }
    assert all((tensor == state[name]).all() for name, tensor in network.state_dict().items())


def test_torchvision_alexnet(tmp_path: Path) -> None:
    torch.save(made(TORCHVISION_ALEXNET), tmp_path / "alexnet.pth")
    network = visual_network("alexnet", tmp_path / "alexnet.pth")
    assert float(network.state_dict()["classifier.4.bias"][0]) == pytest.approx(0.01)


def test_vggish_flattens_as_tensorflow() -> None:
    """The embedding's first weights belong to the 512 channels of the first place, then to those of the next band."""
    with torch.device("meta"):
        network = audio_network("vggish")
    network.features = torch.nn.Identity()
    network.embeddings = torch.nn.Identity()
    maps = torch.arange(2.0 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    network.features.forward = lambda x: maps
    assert network(torch.zeros(2, 96, 64))[0, :6].tolist() == [0, 20, 40, 1, 21, 41]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"features.3.weight": None}, r"there is no features\.3\.weight in it;"),
        ({"features.3.weight": None, "embeddings.0.bias": None}, r"no embeddings\.0\.bias in it \(and 1 more\)"),
        ({"features.3.weight": (2, 64, 3, 3)}, r"features\.3\.weight has shape \(2, 64, 3, 3\), not \(128, 64, 3, 3\)"),
        ({"features.99.weight": (1,)}, r"it has features\.99\.weight, which the network has not"),
    ],
)
def test_other_weights(tmp_path: Path, change: dict[str, Any], fault: str) -> None:
    state = made(TORCHVGGISH)
    for name, shape in change.items():
        if shape is None:
            del state[name]
        else:
            state[name] = torch.zeros(shape)
    torch.save(state, tmp_path / "weights.pth")
    with torch.device("meta"):
        network = audio_network("vggish")
    with pytest.raises(AvfrontError, match=f"not the weights of vggish: .*{fault}.*give the file that belongs"):
        load(network, tmp_path / "weights.pth")


class Harmful:
    def __reduce__(self) -> Any:
        return Path.touch, (Path("harm"),)


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
@pytest.mark.parametrize("content", [b"", b"nonsense", pickle.dumps(Harmful(), 2), pickle.dumps({"a": Harmful()}, 2)])
def test_files_that_are_no_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, suffix: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / f"weights.{suffix}"
    path.write_bytes(content)
    with pytest.raises(AvfrontError, match="weights cannot be read"):
        audio_network("small", path)
    assert not (tmp_path / "harm").exists()


def test_files_of_something_else(tmp_path: Path) -> None:
    with pytest.raises(AvfrontError, match="no such file of weights"):
        audio_network("small", tmp_path / "none.pth")
    torch.save([torch.zeros(3)], tmp_path / "list.pth")
    with pytest.raises(AvfrontError, match="no state dict"):
        audio_network("small", tmp_path / "list.pth")
    with pytest.raises(AvfrontError, match="there is no audio network 'alexnet'; use small or vggish"):
        audio_network("alexnet")


def test_there_and_back(tmp_path: Path) -> None:
    network = visual_network("small")
    save_file(network.state_dict(), tmp_path / "small.safetensors")
    other = visual_network("small", tmp_path / "small.safetensors")
    assert fingerprint(other) == fingerprint(network)
    assert fingerprint(visual_network("small")) != fingerprint(network)
