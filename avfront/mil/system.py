"""A trained system: proposals of a clip in, its classes and the scores of its proposals out; kept as a folder.

::

    FOLDER/system.json           classes, thresholds, variant, names of the networks, how proposals are made
    FOLDER/weights.safetensors   of the heads and the base networks
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from avfront.errors import AvfrontError
from avfront.features import AudioNetwork, Features, VisualNetwork, audio_network, extract, visual_network
from avfront.mil.dataset import collate, instances
from avfront.mil.network import MODALITIES, Network, Variant
from avfront.outputs import Outputs
from avfront.proposals import Proposals, Settings

Array = npt.NDArray[np.float32]
FILES = ("system.json", "weights.safetensors")
_FORMAT = 2


@dataclass(frozen=True)
class Scores:
    """What a system says of one clip, for each of its C classes.

    Proposals of a kind that the system does not use have no rows.

    Attributes
    ----------
    classes : array (C,)
        Of the clip.
    visual : array (R, C)
        Of the boxes, in the order of the proposals; only differences within a clip and class have a meaning, and the
        sign: above 0 speaks for the class.
    tsp : array (P, C)
        Of the segments of time.
    ncp : array (Q, C)
        Of the NMF components.
    """

    classes: Array
    visual: Array
    tsp: Array
    ncp: Array


class Classifier(ABC):
    """What tells classes of clips: one system, or several together.

    Attributes
    ----------
    classes : tuple of str
    thresholds : array (C,)
        A class is said of a clip whose score is above its threshold.
    settings : Settings
        How the proposals are to be made.
    """

    classes: tuple[str, ...]
    thresholds: Array
    settings: Settings

    @abstractmethod
    def predict(self, proposals: Proposals) -> Scores:
        """Scores of the clip that these are the proposals of."""

    def said(self, scores: Scores) -> tuple[str, ...]:
        """The classes of a clip, the surest first."""
        margin = scores.classes - self.thresholds
        return tuple(self.classes[which] for which in np.argsort(-margin) if margin[which] > 0)


@dataclass(eq=False)
class System(Classifier):
    """One trained system.

    Attributes
    ----------
    network : Network
        Heads over features.
    audio, visual : base networks
        Which make the features.
    """

    classes: tuple[str, ...]
    thresholds: Array
    network: Network
    audio: AudioNetwork
    visual: VisualNetwork
    settings: Settings = field(default_factory=Settings)

    def score(self, features: Features) -> Scores:
        """Scores of a clip with these features."""
        variant = self.network.variant
        batch = collate([(instances(features, variant), torch.empty(0))])
        with torch.inference_mode():
            found = self.network.eval()(batch.to(next(self.network.parameters()).device).items)
        proposals = {name: part[0].cpu().numpy() for name, part in found.proposals.items()}
        none = np.zeros((0, len(self.classes)), np.float32)
        audio = proposals.get("audio", none)
        segments = len(features.tsp) if variant.audio != "ncp" else 0
        return Scores(found.clips[0].cpu().numpy(), proposals.get("visual", none), audio[:segments], audio[segments:])

    def predict(self, proposals: Proposals) -> Scores:
        used = MODALITIES[self.network.variant.modalities]
        audio, visual = (self.audio if "audio" in used else None), (self.visual if "visual" in used else None)
        return self.score(extract(proposals, audio, visual))

    def save(self, folder: Path, *, force: bool = False) -> None:
        """Write the files of the system, both or none of them.

        Raises
        ------
        AvfrontError
            If they are there already and `force` is not given, or cannot be written.
        """
        about = {
            "format": _FORMAT,
            "classes": self.classes,
            "thresholds": [float(value) for value in self.thresholds],
            "variant": asdict(self.network.variant),
            "networks": {"audio": self.audio.name, "visual": self.visual.name},
            "proposals": asdict(self.settings),
        }
        with Outputs(folder, FILES, force=force) as outputs:
            outputs.path(FILES[0]).write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            weights = _whole(self.network, self.audio, self.visual).state_dict()
            save_file({name: value.cpu().contiguous() for name, value in weights.items()}, outputs.path(FILES[1]))
            outputs.commit()

    @classmethod
    def load(cls, folder: Path, device: torch.device | None = None) -> "System":
        """Read a system that :meth:`save` has written.

        Raises
        ------
        AvfrontError
            If the folder holds none, or its files are damaged or do not belong together.
        """
        paths = [folder / name for name in FILES]
        remedy = "give a folder that avfront train has written"
        if not all(path.is_file() for path in paths):
            raise AvfrontError("the folder holds no trained system", file=folder, remedy=remedy)
        try:
            about = json.loads(paths[0].read_text(encoding="utf-8"))
            if about["format"] != _FORMAT:
                raise AvfrontError(
                    "the system was written by another version", file=paths[0], remedy="train it again with this one"
                )
            classes, names = tuple(map(str, about["classes"])), dict(about["networks"])
            variant, settings = Variant(**about["variant"]), Settings(**about["proposals"])
            audio, visual = audio_network(names["audio"]), visual_network(names["visual"])
            network = Network(variant, len(classes), {"audio": audio.size, "visual": visual.size})
            whole = _whole(network, audio, visual)
            whole.load_state_dict(load_file(paths[1]))
            thresholds = np.array(about["thresholds"], np.float32)
            if thresholds.shape != (len(classes),) or not np.isfinite(thresholds).all():
                raise ValueError("one threshold for each class")
        except AvfrontError as error:
            if not error.usage:
                raise
            raise AvfrontError("the trained system is damaged", file=folder, remedy=remedy) from error  # by hand
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
            raise AvfrontError("the trained system is damaged", file=folder, remedy=remedy) from error
        whole.to(device).eval()
        return cls(classes, thresholds, network, audio, visual, settings)


@dataclass(eq=False)
class Fusion(Classifier):
    """Several systems whose scores are added (Parekh et al. 2019, table 1, rows d and h).

    Its thresholds are the sums of theirs, until others are given.

    Raises
    ------
    AvfrontError
        If they tell different classes apart, or need different proposals.
    """

    systems: Sequence[System]

    def __post_init__(self) -> None:
        first = self.systems[0]
        self.classes, self.settings = first.classes, first.settings
        self.thresholds = np.sum([system.thresholds for system in self.systems], axis=0)
        for other in self.systems[1:]:
            if other.classes != self.classes or other.settings != self.settings:
                raise AvfrontError(
                    "the systems were trained for different classes, or with different proposals",
                    remedy="give systems that were trained from the same manifest and settings",
                    usage=True,
                )

    def predict(self, proposals: Proposals) -> Scores:
        return added([system.predict(proposals) for system in self.systems])


def added(scores: Sequence[Scores]) -> Scores:
    """Sums of the scores of several systems; proposals that one of them does not use count for nothing in it.

    >>> one = Scores(np.ones(2), np.ones((3, 2)), np.ones((4, 2)), np.zeros((0, 2)))
    >>> two = Scores(np.ones(2), np.ones((3, 2)), np.zeros((0, 2)), np.ones((5, 2)))
    >>> [len(part) for part in vars(added([one, two])).values()]
    [2, 3, 4, 5]
    """
    return Scores(
        **{
            name: np.sum(
                [part for one in scores if len(part := getattr(one, name))] or [getattr(scores[0], name)], axis=0
            )
            for name in vars(scores[0])
        }
    )


def _whole(network: Network, audio: AudioNetwork, visual: VisualNetwork) -> nn.Module:
    return nn.ModuleDict({"heads": network, "audio": audio, "visual": visual})
