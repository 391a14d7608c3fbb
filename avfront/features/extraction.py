"""Features of clips by an audio and a visual network."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from avfront.features.audio import AudioNetwork
from avfront.features.bags import Array, Features
from avfront.features.visual import VisualNetwork
from avfront.proposals import Proposals

_PATCHES = 512  # log-mel patches in one pass of the network

Arrays = dict[str, npt.NDArray[Any]]
NO_SOUND: Arrays = {
    "tsp": np.empty((0, 0), np.float32),
    "tsp_times": np.empty((0, 2)),
    "ncp": np.empty((0, 0), np.float32),
    "ncp_times": np.empty((0, 2)),
    "ncp_components": np.empty(0, np.int64),
}
NO_PICTURES: Arrays = {"boxes": np.empty((0, 0), np.float32), "box_times": np.empty(0)}


def visual_input(proposals: Proposals, device: Any = "cpu") -> tuple[Tensor, Tensor, Tensor]:
    """What a :class:`VisualNetwork` takes: pictures, the boxes in their pixels, and the picture of each box."""
    frames = torch.as_tensor(proposals.frames, device=device).permute(0, 3, 1, 2).float() / 255
    boxes = torch.as_tensor(proposals.boxes * np.float32(proposals.scale), device=device)
    return frames, boxes, torch.as_tensor(proposals.box_frames, device=device)


def audio_features(patches: Sequence[Array], network: AudioNetwork) -> list[Array]:
    """Features (P, D) of log-mel patches (P, 96, 64) of each of many clips, in large batches across them."""
    device = _settled(network)
    every = torch.as_tensor(np.concatenate([*patches, np.empty((0, 96, 64), np.float32)]))
    with torch.inference_mode():
        found = [network(part.to(device)).float().cpu() for part in torch.split(every, _PATCHES)]
    return np.split(torch.cat(found).numpy(), np.cumsum([len(each) for each in patches])[:-1])


def visual_features(proposals: Proposals, network: VisualNetwork) -> Array:
    """Features (R, D) of the boxes of a clip."""
    device = _settled(network)
    with torch.inference_mode():
        found: Array = network(*visual_input(proposals, device)).float().cpu().numpy()
    return found


def heard(clips: Sequence[Proposals], network: AudioNetwork) -> list[Arrays]:
    """What is known of the sounds of clips: the fields of :class:`Features` that begin with tsp and ncp."""
    both = audio_features([patches for clip in clips for patches in (clip.tsp, clip.ncp)], network)
    return [
        {
            "tsp": tsp,
            "tsp_times": clip.tsp_times,
            "ncp": ncp,
            "ncp_times": clip.ncp_times,
            "ncp_components": clip.ncp_components,
        }
        for clip, tsp, ncp in zip(clips, both[::2], both[1::2], strict=True)
    ]


def seen(clips: Sequence[Proposals], network: VisualNetwork) -> list[Arrays]:
    """What is known of the boxes of clips: the other fields."""
    return [{"boxes": visual_features(clip, network), "box_times": clip.frame_times[clip.box_frames]} for clip in clips]


def extract(proposals: Proposals, audio: AudioNetwork | None, visual: VisualNetwork | None) -> Features:
    """The features of one clip; the networks predict (no dropout), on the device where they are.

    Without a network, there are no features of its modality.

    >>> from avfront.features import audio_network, visual_network
    >>> from avfront.proposals import Settings, hear
    >>> [sound] = hear([np.random.default_rng(0).standard_normal(32000)], Settings(components=2, iterations=3))
    >>> pictures = {"frames": np.zeros((1, 60, 80, 3), np.uint8), "frame_times": np.array([0.5])}
    >>> boxes = {"boxes": np.array([[0, 0, 80, 60]], np.float32), "box_frames": np.array([0])}
    >>> clip = Proposals(duration=2.0, size=(80, 60), **pictures, **boxes, **vars(sound))
    >>> found = extract(clip, audio_network(), visual_network())
    >>> found.boxes.shape, found.tsp.shape, found.ncp.shape
    ((1, 128), (4, 128), (4, 128))
    >>> extract(clip, audio_network(), None).boxes.shape
    (0, 0)
    """
    sound = NO_SOUND if audio is None else heard([proposals], audio)[0]
    sight = NO_PICTURES if visual is None else seen([proposals], visual)[0]
    return Features(duration=proposals.duration, **sound, **sight)


def _settled(network: nn.Module) -> torch.device:
    """Puts a network in the state for prediction; returns the device it is on."""
    network.eval()
    return next(network.parameters()).device
