"""Networks by name, and their weights from files: public checkpoints or our own."""

import hashlib
import os
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from avfront.errors import AvfrontError
from avfront.features.audio import AudioNetwork, SmallAudio, VGGish
from avfront.features.visual import AlexNet, SmallVisual, VisualNetwork

AUDIO: dict[str, type[AudioNetwork]] = {kind.name: kind for kind in (SmallAudio, VGGish)}
VISUAL: dict[str, type[VisualNetwork]] = {kind.name: kind for kind in (SmallVisual, AlexNet)}

Network = TypeVar("Network", AudioNetwork, VisualNetwork)


def audio_network(name: str = "small", weights: str | os.PathLike[str] | None = None) -> AudioNetwork:
    """The audio network ``"small"`` or ``"vggish"``, with random weights or those of a file.

    Parameters
    ----------
    name : str
    weights : path, optional
        A state dict as safetensors or as torch.save writes it; for ``"vggish"`` as torchvggish's.

    Raises
    ------
    AvfrontError
        If there is no such network, or the file cannot be read or is of another network.

    >>> audio_network("small").size
    128
    """
    return _made(AUDIO, "audio", name, weights)


def visual_network(name: str = "small", weights: str | os.PathLike[str] | None = None) -> VisualNetwork:
    """The visual network ``"small"`` or ``"alexnet"``; weights for the latter as torchvision's. See `audio_network`.

    >>> visual_network("big")
    Traceback (most recent call last):
    avfront.errors.AvfrontError: there is no visual network 'big'; use small or alexnet.
    """
    return _made(VISUAL, "visual", name, weights)


def load(network: nn.Module, path: str | os.PathLike[str]) -> None:
    """Give a network the weights in a file, whose names and shapes must be the network's.

    Raises
    ------
    AvfrontError
        If the file cannot be read without running code from it, or is of another network.
    """
    path = Path(path)
    given, wanted = _read(path), network.state_dict()
    unused: tuple[str, ...] = getattr(network, "unused", ())
    given = {name: tensor for name, tensor in given.items() if not name.startswith(unused)}
    # Counters of batches, which old files do not have, decide nothing.
    missing = sorted(name for name in wanted.keys() - given.keys() if not name.endswith("num_batches_tracked"))
    unknown = sorted(given.keys() - wanted.keys())
    wrong = sorted(name for name in wanted.keys() & given.keys() if wanted[name].shape != given[name].shape)
    if missing:
        fault = f"there is no {missing[0]} in it" + (f" (and {len(missing) - 1} more)" if missing[1:] else "")
    elif unknown:
        fault = f"it has {unknown[0]}, which the network has not"
    elif wrong:
        shapes = (tuple(one[wrong[0]].shape) for one in (given, wanted))
        fault = "{} has shape {}, not {}".format(wrong[0], *shapes)
    else:
        network.load_state_dict(given, strict=False)
        return
    kind = getattr(network, "name", type(network).__name__)
    raise AvfrontError(
        f"these are not the weights of {kind}: {fault}", file=path, remedy="give the file that belongs to the network"
    )


def fingerprint(network: nn.Module) -> str:
    """Sixteen hexadecimal digits that stand for the weights of a network.

    >>> torch.manual_seed(0), fingerprint(SmallAudio()) == fingerprint(SmallAudio())
    (<torch._C.Generator object at ...>, False)
    """
    digest = hashlib.sha256(type(network).__name__.encode())
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def _made(kinds: dict[str, type[Network]], sense: str, name: str, weights: Any) -> Network:
    if name not in kinds:
        raise AvfrontError(f"there is no {sense} network {name!r}", remedy=f"use {' or '.join(kinds)}", usage=True)
    network = kinds[name]()
    if weights is not None:
        load(network, weights)
    return network


def _read(path: Path) -> dict[str, Tensor]:
    from pickle import UnpicklingError

    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not path.is_file():
        raise AvfrontError("there is no such file of weights", file=path, remedy="check the path")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, UnpicklingError, SafetensorError) as error:
        raise AvfrontError(
            "the weights cannot be read, or would run code if they were",
            file=path,
            remedy="give a state dict as safetensors or of torch.save",
        ) from error
    if isinstance(content, dict) and content and all(isinstance(one, Tensor) for one in content.values()):
        return content
    raise AvfrontError("the file holds no state dict", file=path, remedy="give one as safetensors or of torch.save")
