"""`avfront train` as a job: from a manifest of clips to a trained system in a folder.

::

    FOLDER/system.json, weights.safetensors   the system (see avfront.mil.system)
    FOLDER/report.json                        settings, skipped clips with reasons, scores on validation and test
    FOLDER/training/proposals/                what was found in the clips, and its features
    FOLDER/training/audio/, visual/, heads/   log and checkpoint of each stage

What is under ``training/`` lets a run that was interrupted go on; it may be deleted when the system is there.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from avfront import metrics
from avfront.errors import AvfrontError
from avfront.features import AudioNetwork, VisualNetwork, audio_network, visual_network
from avfront.features.weights import fingerprint
from avfront.job import REPORT, Progress, take_paths
from avfront.manifest import SPLITS, Manifest, read_manifest
from avfront.mil import parallel
from avfront.mil.clips import Clips, Source
from avfront.mil.network import MODALITIES, Network, Variant
from avfront.mil.raw import Share
from avfront.mil.report import describe
from avfront.mil.schedule import Schedule
from avfront.mil.system import FILES, System
from avfront.mil.training import evaluate, fit
from avfront.outputs import Outputs
from avfront.proposals import Settings

# Enough for the small networks from scratch, on a few hundred clips.
BASE = Schedule(steps=600, batch=16, interval=50, patience=5)
Base = TypeVar("Base", AudioNetwork, VisualNetwork)


@dataclass(frozen=True)
class TrainingJob:
    """What is to be learned from what.

    Attributes
    ----------
    manifest : Path
        See :mod:`avfront.manifest`; it needs clips in train and in validation.
    output : Path
        Folder for the system.
    variant : Variant
        Which system.
    networks, weights : dict of modality to name, dict of modality to Path
        Base networks, and checkpoints to begin them from; without one, a base network is first trained alone from the
        same labels.
    schedule, base_schedule : Schedule
        Of the heads, and of each base network.
    share : Share
        What is drawn of a clip in a step of training a base network.
    finetune : bool
        At last train the base networks together with the heads, at a tenth of the rate of `base_schedule`.
    settings : Settings, optional
        How proposals are made; None is as those that are there already, or the papers'.
    memory : float
        Bytes for clips that were read, in each process; what does not fit is read again from the disk.
    device : {"auto", "cpu", "cuda"}
    force : bool
        Replace a system that is there already.
    """

    manifest: Path
    output: Path
    variant: Variant = field(default_factory=Variant)
    networks: dict[str, str] = field(default_factory=lambda: {"audio": "small", "visual": "small"})
    weights: dict[str, Path] = field(default_factory=dict)
    schedule: Schedule = field(default_factory=Schedule)
    base_schedule: Schedule = BASE
    share: Share = field(default_factory=Share)
    finetune: bool = False
    settings: Settings | None = None
    memory: float = 4e9
    device: str = "auto"
    force: bool = False

    def __post_init__(self) -> None:
        take_paths(self, "manifest", "output", "weights")


@dataclass(frozen=True)
class Trained:
    """A system, and the report on it: plain values, for JSON."""

    system: System
    report: dict[str, Any]


def train(job: TrainingJob, progress: Progress = lambda stage, share: None) -> Trained:
    """Make proposals, train the base networks and then the heads, tune thresholds, and write the system.

    A run that was interrupted goes on where it was when it is started again.

    Raises
    ------
    AvfrontError
        If the manifest or a setting is wrong, no clip of a split can be used, or the system is there already.
    """
    manifest = read_manifest(job.manifest)
    Outputs(job.output, (*FILES, REPORT), force=job.force).check()
    _check(job, manifest)
    with parallel.together():
        device = parallel.device(job.device)
        return Training(job, manifest, device, progress).run()


def _check(job: TrainingJob, manifest: Manifest) -> None:
    """Raise for what would otherwise come to light after hours of looking at the clips."""
    for split in SPLITS[:2]:
        if not manifest.of(split):
            raise AvfrontError(f"no clip is in the split {split}", file=job.manifest, remedy="mark some with it")
    with seeded(0):
        audio_network(job.networks["audio"], job.weights.get("audio"))
        visual_network(job.networks["visual"], job.weights.get("visual"))


class Training:
    """The stages of a job."""

    def __init__(self, job: TrainingJob, manifest: Manifest, device: torch.device, progress: Progress) -> None:
        self.job, self.device, self.progress = job, device, progress
        self.classes = manifest.classes
        self.folder = job.output / "training"
        self.clips = Clips(job, manifest, self.folder / "proposals", progress)

    def run(self) -> Trained:
        """All stages."""
        job = self.job
        audio = self._base("audio", audio_network)
        visual = self._base("visual", visual_network)
        with seeded(job.schedule.seed):
            sizes = {"audio": audio.size, "visual": visual.size}
            network = Network(job.variant, len(self.classes), sizes)
        stamp = fingerprint(audio) + fingerprint(visual)
        self._fit(network, self.clips.by_features(job.variant, audio, visual), job.schedule, "heads", stamp)
        if job.finetune:
            slow = replace(job.base_schedule, rate=job.base_schedule.rate / 10)
            with network.upon({"audio": audio, "visual": visual}):
                self._fit(network, self.clips.by_proposals(job.variant), slow, "finetuning", stamp, trained=True)
        examples = self.clips.by_features(job.variant, audio, visual)
        found = {split: evaluate(network, examples(split), self.device) for split in SPLITS if self.clips.usable[split]}
        thresholds = metrics.tune_thresholds(self.clips.truth("validation"), found["validation"].scores)
        system = System(self.classes, thresholds.astype(np.float32), network, audio, visual, self.clips.store.settings)
        report = describe(job, self.clips, system, found)
        if parallel.rank() == 0:
            with Outputs(job.output, (REPORT,), force=job.force) as outputs:
                outputs.path(REPORT).write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", "utf-8")
                outputs.commit()
            system.save(job.output, force=job.force)
        return Trained(system, report)

    def _base(self, name: str, make: Callable[[str, Path | None], Base]) -> Base:
        """A base network: as it was given, or trained alone, with heads that are thrown away."""
        job = self.job
        with seeded(job.base_schedule.seed):
            base = make(job.networks[name], job.weights.get(name))
            if name in job.weights or name not in MODALITIES[job.variant.modalities]:
                return base.to(self.device)
            variant = Variant("attention", name, job.variant.audio, hidden=0, sharpness=1.0)
            network = Network(variant, len(self.classes), {name: base.size}, {name: base})
        self._fit(network, self.clips.by_proposals(variant), job.base_schedule, name)
        return base

    def _fit(
        self,
        network: Network,
        examples: Source,
        schedule: Schedule,
        stage: str,
        stamp: str = "",
        *,
        trained: bool = False,
    ) -> None:
        fit(
            network,
            examples("train"),
            examples("validation"),
            schedule,
            self.folder / stage,
            device=self.device,
            progress=self.progress,
            name=stage,
            stamp=self.clips.stamp + stamp,
            trained=trained,
        )


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Weights that are made here are the same each time; the generator outside is left as it is."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
