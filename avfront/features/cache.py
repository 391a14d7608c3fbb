"""Features of a whole store of proposals, kept beside it for each network and its weights.

::

    STORE/features/audio-NAME-WEIGHTS/KEY.safetensors     tsp, ncp and their times
    STORE/features/visual-NAME-WEIGHTS/KEY.safetensors    boxes and their times

Another network, or the same one trained further, has another folder; proposals that were made again make the features
of the clip be extracted again.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path

import numpy as np

from avfront.features.audio import AudioNetwork
from avfront.features.bags import Features
from avfront.features.extraction import NO_PICTURES, NO_SOUND, Arrays, heard, seen
from avfront.features.visual import VisualNetwork
from avfront.features.weights import fingerprint
from avfront.job import Progress
from avfront.proposals import Proposals, Store
from avfront.proposals.files import replaced, unwritable

_CLIPS = 8  # whose patches go through the audio network together


class FeatureCache:
    """The features of the clips of a store; only what is not kept yet is computed.

    Parameters
    ----------
    store : Store
    audio, visual : network or None
        They predict (no dropout), on the device where they are; their weights stay as they are. Without one, there are
        no features of its modality.
    """

    def __init__(self, store: Store, audio: AudioNetwork | None, visual: VisualNetwork | None) -> None:
        self._store = store
        self._audio = audio and _Kept(store, _folder(store, "audio", audio), lambda clips: _lasting(clips, audio))
        self._visual = visual and _Kept(store, _folder(store, "visual", visual), lambda clips: seen(clips, visual))

    def __getitem__(self, key: str) -> Features:
        """Those of one clip."""
        return self._of([key])[0]

    def every(
        self, keys: Iterable[str], *, progress: Progress = lambda stage, share: None
    ) -> Iterator[tuple[str, Features]]:
        """Those of many clips, one by one in their order; `progress` is told of ``"features"``.

        Raises
        ------
        AvfrontError
            If there are no proposals of a clip, or the features cannot be written.
        """
        wanted = list(keys)
        rest, done = iter(wanted), 0
        while chunk := list(islice(rest, _CLIPS)):
            yield from zip(chunk, self._of(chunk), strict=True)
            done += len(chunk)
            progress("features", done / len(wanted))

    def _of(self, keys: Sequence[str]) -> list[Features]:
        read = lru_cache(self._store.read)  # for both networks
        sounds = self._audio.of(keys, read) if self._audio else [self._unheard(key) for key in keys]
        sights = self._visual.of(keys, read) if self._visual else [NO_PICTURES] * len(keys)
        found = [sound | sight for sound, sight in zip(sounds, sights, strict=True)]
        return [Features(float(arrays.pop("duration")[0]), **arrays) for arrays in found]

    def _unheard(self, key: str) -> Arrays:
        return NO_SOUND | {"duration": np.array([self._store.duration(key)])}


@dataclass(frozen=True)
class _Kept:
    """What one network makes of clips, in a folder."""

    store: Store
    folder: Path
    compute: Callable[[Sequence[Proposals]], list[Arrays]]

    def of(self, keys: Sequence[str], read: Callable[[str], Proposals]) -> list[Arrays]:
        """The arrays of these clips from the folder, to which those that are missing or out of date are added."""
        stamps = {key: self.store.stamp(key) for key in keys}
        found = {key: _read(self._place(key), stamps[key]) for key in keys}
        missing = [key for key in keys if not found[key]]
        if missing:
            for key, arrays in zip(missing, self.compute([read(key) for key in missing]), strict=True):
                _write(self._place(key), arrays, stamps[key])
                found[key] = arrays
        return [found[key] for key in keys]

    def _place(self, key: str) -> Path:
        return self.folder / f"{key}.safetensors"


def _folder(store: Store, sense: str, network: AudioNetwork | VisualNetwork) -> Path:
    return store.folder / "features" / f"{sense}-{network.name}-{fingerprint(network)}"


def _lasting(clips: Sequence[Proposals], network: AudioNetwork) -> list[Arrays]:
    """What is heard, and for how long."""
    return [
        arrays | {"duration": np.array([clip.duration])}
        for clip, arrays in zip(clips, heard(clips, network), strict=True)
    ]


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
