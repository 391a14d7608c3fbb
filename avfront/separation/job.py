"""What a separation job is given, what is known once its inputs were looked at, and what came out of its stages."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from avfront.audio import AudioInfo, Survey
from avfront.job import take_paths
from avfront.methods import Method, Separated
from avfront.separation.examples import Examples
from avfront.sources import Source

if TYPE_CHECKING:
    from nmfcore.spatial import LocalGaussianModel

MODEL = "model.safetensors"


@dataclass(frozen=True)
class Job:
    """What is to be separated, with what, and where the results go.

    Attributes
    ----------
    mixture : Path
        The recording; any format, rate and number of channels that libsndfile reads.
    sources : tuple of Source
        Names and example files, as :func:`avfront.sources.parse` gives them.
    output : Path
        Folder for ``<source>.wav``, ``report.json`` and ``spectrogram.png``.
    method : str, optional
        "spatial" or "gssm"; None chooses by the number of channels.
    options : mapping
        Settings of the method that depart from the papers'; None values count as not given.
    save_model : bool
        Keep the fitted model as ``model.safetensors``: covariances, patterns and, of a recording that is one segment,
        variances and activations.
    load_model : Path, optional
        A kept model to begin from: its spatial covariances and learned patterns; for the recording that it is of, EM
        goes on where it ended.
    mic_distance : float, optional
        Metres from one microphone to the next, on a line.
    array : Path, optional
        JSON file of microphone positions, see :func:`avfront.geometry.load`.
    references : mapping of name to Path
        True images of sources, where they are known: the result is scored against them.
    seed : int
        The same seed gives the same files.
    device : str
        "auto" or "cpu".
    force : bool
        Replace outputs that are already there.
    picture : bool
        Draw the spectrograms.
    segment_seconds : float
        Longer recordings are separated in segments of at most this length; 0 takes any recording as a whole.
    example_seconds : float
        Longer examples are used up to this length.
    memory_gb : float, optional
        Memory that the job may use; None is half of the machine's.
    """

    mixture: Path
    sources: tuple[Source, ...]
    output: Path
    method: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    save_model: bool = False
    load_model: Path | None = None
    mic_distance: float | None = None
    array: Path | None = None
    references: Mapping[str, Path] = field(default_factory=dict)
    seed: int = 0
    device: str = "auto"
    force: bool = False
    picture: bool = True
    segment_seconds: float = 60.0
    example_seconds: float = 60.0
    memory_gb: float | None = None

    def __post_init__(self) -> None:
        take_paths(self, "mixture", "output", "load_model", "array", "references")


@dataclass(frozen=True)
class Plan:
    """A job whose inputs exist and fit together, as far as headers tell."""

    job: Job
    info: AudioInfo
    sources: tuple[Source, ...]  # with files, no folders
    names: tuple[str, ...]  # of the outputs, the background last
    method: str
    options: dict[str, Any]
    microphones: npt.NDArray[np.float64] | None  # (I, 3) metres
    microphones_from: str
    references: dict[str, AudioInfo]

    def inputs(self) -> list[Path]:
        """Every file that the job reads."""
        files = [file for source in self.sources for file in source.files]
        extra = [path for path in (self.job.array, self.job.load_model) if path is not None]
        return [self.info.path, *files, *self.job.references.values(), *extra]


@dataclass
class Done:
    """What comes out of the stages, one after the other, for the report."""

    method: Method
    survey: Survey
    frame: int
    examples: list[Examples]
    spans: list[tuple[int, int]]
    energy: dict[str, float]  # of each source's image, and of "mixture"
    objective: list[list[float]] = field(default_factory=list)
    separated: list[Separated] = field(default_factory=list)  # of each segment that is not silent, without its images
    model: "LocalGaussianModel | None" = None  # of the last segment that is not silent
    scores: dict[str, Any] | None = None
