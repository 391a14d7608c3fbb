"""Where a run of training stands, kept on disk so that it can be taken up there."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from avfront.errors import AvfrontError

NAME = "checkpoint.pt"
State = dict[str, Any]


@dataclass
class Standing:
    """What is to be known to go on after some step exactly as if there had been no break.

    What is drawn at random in a step depends on the seed and the step alone, and so there is no generator to keep.
    """

    step: int = 0  # steps that are done
    network: State = field(default_factory=dict)
    optimizer: State = field(default_factory=dict)
    scaler: State = field(default_factory=dict)
    best_step: int = 0
    best_value: float = -1.0
    best: State = field(default_factory=dict)  # weights
    seconds: float = 0.0


def save(folder: Path, standing: Standing, stamp: str) -> None:
    """Replace the checkpoint of the folder in one step; `stamp` tells the settings of the run."""
    hidden = folder / f".{NAME}.part"
    torch.save({**vars(standing), "stamp": stamp}, hidden)
    os.replace(hidden, folder / NAME)


def load(folder: Path, stamp: str) -> Standing | None:
    """Where the run in the folder stands; None if there is none.

    Raises
    ------
    AvfrontError
        If it was begun with other settings, or the file is damaged.
    """
    path = folder / NAME
    if not path.exists():
        return None
    remedy = "delete it to begin anew, or choose another folder with -o"
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
        begun = found.pop("stamp")
        standing = Standing(**found)
    except Exception as error:  # whatever a damaged file leads torch to raise
        raise AvfrontError("the checkpoint is damaged", file=path, remedy=remedy) from error
    if begun != stamp:
        raise AvfrontError(
            "the training there was begun with other settings",
            file=folder,
            remedy="delete it and the other stages beside proposals to begin anew, or choose another folder with -o",
        )
    return standing
