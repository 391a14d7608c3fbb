"""Features of a whole store of proposals, kept beside it for each network and its weights.

::

    STORE/features/audio-NAME-WEIGHTS/KEY.safetensors     tsp, ncp and their times
    STORE/features/visual-NAME-WEIGHTS/KEY.safetensors    boxes and their times

Another network, or the same one trained further, has another folder; proposals that were made again make the features
of the clip be extracted again.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from avfront.features.audio import AudioNetwork
from avfront.features.bags import Features
from avfront.features.extraction import audio_features, visual_features
from avfront.features.visual import VisualNetwork
from avfront.features.weights import fingerprint
from avfront.job import Progress
from avfront.proposals import Proposals, Store
from avfront.proposals.files import replaced, unwritable

_CLIPS = 8  # whose patches go through the audio network together

Arrays = dict[str, npt.NDArray[Any]]


def extract_all(
    store: Store,
    keys: Iterable[str],
    audio: AudioNetwork,
    visual: VisualNetwork,
    *,
    progress: Progress = lambda stage, share: None,
) -> Iterator[tuple[str, Features]]:
    """The features of clips of a store, one by one in their order; only what is not kept yet is computed.

    Parameters
    ----------
    store : Store
    keys : iterable of str
        Clips that the store has.
    audio, visual : networks
        They predict (no dropout), on the device where they are.
    progress : callable
        Called with ``"features"`` and the share of the clips that is done.

    Raises
    ------
    AvfrontError
        If there are no proposals of a clip, or the features cannot be written.
    """

    def hear(clips: Sequence[Proposals]) -> list[Arrays]:
        both = audio_features([patches for clip in clips for patches in (clip.tsp, clip.ncp)], audio)
        return [
            {
                "duration": np.array([clip.duration]),
                "tsp": tsp,
                "tsp_times": clip.tsp_times,
                "ncp": ncp,
                "ncp_times": clip.ncp_times,
                "ncp_components": clip.ncp_components,
            }
            for clip, tsp, ncp in zip(clips, both[::2], both[1::2], strict=True)
        ]

    def look(clips: Sequence[Proposals]) -> list[Arrays]:
        return [
            {"boxes": visual_features(clip, visual), "box_times": clip.frame_times[clip.box_frames]} for clip in clips
        ]

    every = list(keys)
    ears, eyes = (_folder(store, *each) for each in (("audio", audio), ("visual", visual)))
    rest, done = iter(every), 0
    while chunk := list(islice(rest, _CLIPS)):
        read = lru_cache(store.read)  # for both networks
        for key, heard, seen in zip(
            chunk, _kept(store, ears, chunk, read, hear), _kept(store, eyes, chunk, read, look), strict=True
        ):
            arrays = heard | seen
            yield key, Features(float(arrays.pop("duration")[0]), **arrays)
        done += len(chunk)
        progress("features", done / len(every))


def _kept(
    store: Store,
    folder: Path,
    keys: Sequence[str],
    read: Callable[[str], Proposals],
    compute: Callable[[Sequence[Proposals]], list[Arrays]],
) -> list[Arrays]:
    """The arrays of these clips from the folder, to which those that are missing or out of date are added."""
    stamps = {key: store.stamp(key) for key in keys}
    found = {key: _read(folder / f"{key}.safetensors", stamps[key]) for key in keys}
    missing = [key for key in keys if not found[key]]
    if missing:
        for key, arrays in zip(missing, compute([read(key) for key in missing]), strict=True):
            _write(folder / f"{key}.safetensors", arrays, stamps[key])
            found[key] = arrays
    return [found[key] for key in keys]


def _folder(store: Store, sense: str, network: AudioNetwork | VisualNetwork) -> Path:
    return store.folder / "features" / f"{sense}-{network.name}-{fingerprint(network)}"


def _read(path: Path, stamp: str) -> Arrays:
    """The arrays in a file; nothing if there is none, or it is damaged or of other proposals."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            if (file.metadata() or {}).get("proposals") != stamp:
                return {}
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  no mapping
    except (OSError, SafetensorError):
        return {}


def _write(path: Path, arrays: Arrays, stamp: str) -> None:
    from safetensors.numpy import save_file

    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replaced(path) as hidden:
            save_file(whole, hidden, metadata={"proposals": stamp})
    except OSError as error:
        raise unwritable(path.parent, error) from error
