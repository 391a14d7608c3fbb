"""`avfront train` as a job: from a manifest of clips to a trained system in a folder.

::

    FOLDER/system.json, weights.safetensors   the system (see avfront.mil.system)
    FOLDER/report.json                        settings, skipped clips with reasons, scores on validation and test
    FOLDER/training/proposals/                what was found in the clips, and its features
    FOLDER/training/audio/, visual/, heads/   log and checkpoint of each stage

What is under ``training/`` lets a run that was interrupted go on; it may be deleted when the system is there.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from avfront import metrics
from avfront.errors import AvfrontError
from avfront.features import AudioNetwork, VisualNetwork, audio_network, extract_all, visual_network
from avfront.features.weights import fingerprint
from avfront.job import Progress
from avfront.manifest import SPLITS, Clip, Manifest, read_manifest
from avfront.mil import parallel
from avfront.mil.dataset import Examples, Instance, instances
from avfront.mil.network import MODALITIES, Network, Variant
from avfront.mil.raw import Raw, Share
from avfront.mil.system import FILES, System
from avfront.mil.training import Schedule, Validation, evaluate, fit
from avfront.outputs import Outputs
from avfront.proposals import Settings, Store, propose

REPORT = "report.json"
Take = Callable[[int, np.random.Generator | None], dict[str, Instance]]


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
    settings : Settings
        How proposals are made.
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
    base_schedule: Schedule = field(default_factory=lambda: Schedule(steps=600, interval=25))
    share: Share = field(default_factory=Share)
    finetune: bool = False
    settings: Settings = field(default_factory=Settings)
    device: str = "auto"
    force: bool = False


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
    with parallel.together():
        device = parallel.device(job.device)
        return Training(job, manifest, device, progress).run()


class Training:
    """The stages of a job."""

    def __init__(self, job: TrainingJob, manifest: Manifest, device: torch.device, progress: Progress) -> None:
        self.job, self.manifest, self.device, self.progress = job, manifest, device, progress
        self.folder = job.output / "training"
        if parallel.rank() == 0:
            store = Store(self.folder / "proposals", job.settings)
            propose(manifest.clips, store, device=job.device, progress=progress)
        parallel.wait()
        self.store = Store(self.folder / "proposals")
        self.skipped = {clip: reason for clip in manifest.clips if (reason := self.store.skipped.get(clip.key))}
        self.clips = {split: [clip for clip in manifest.of(split) if clip.key in self.store] for split in SPLITS}
        for split in SPLITS[:2]:
            if not self.clips[split]:
                first = next(iter(self.skipped.values()), "none is listed")
                raise AvfrontError(
                    f"no clip of the split {split} can be used ({first})", file=job.manifest, remedy="add some to it"
                )

    def run(self) -> Trained:
        """All stages."""
        job = self.job
        bases = {name: self._base(name) for name in ("audio", "visual")}
        with _seeded(job.schedule.seed):
            network = Network(job.variant, len(self.manifest.classes), {name: base.size for name, base in bases.items()})
        examples = self._of_features(bases)
        self._fit(network, examples, job.schedule, "heads", ",".join(map(fingerprint, bases.values())))
        if job.finetune:
            heads, network.bases = network, torch.nn.ModuleDict({name: bases[name] for name in network.heads})
            examples = self._of_proposals(job.variant)
            slow = replace(job.base_schedule, rate=job.base_schedule.rate / 10)
            self._fit(network, examples, slow, "finetuning", fingerprint(heads))
        found = {
            split: evaluate(network, examples(split), self.device) for split in SPLITS if self.clips[split]
        }
        thresholds = metrics.tune_thresholds(self._truth("validation"), found["validation"].scores)
        network.bases = torch.nn.ModuleDict()
        system = System(
            self.manifest.classes, thresholds.astype(np.float32), network, dict(bases), dict(job.networks), job.settings
        )
        report = self._report(system, found)
        if parallel.rank() == 0:
            with Outputs(job.output, (REPORT,), force=job.force) as outputs:
                outputs.path(REPORT).write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", "utf-8")
                outputs.commit()
            system.save(job.output, force=job.force)
        return Trained(system, report)

    def _base(self, name: str) -> AudioNetwork | VisualNetwork:
        """A base network: as it was given, or trained alone, with heads that are thrown away."""
        job, make = self.job, audio_network if name == "audio" else visual_network
        with _seeded(job.base_schedule.seed):
            base = make(job.networks[name], job.weights.get(name))
            if name in job.weights or name not in MODALITIES[job.variant.modalities]:
                return base.to(self.device)
            variant = Variant(modalities=name, audio=job.variant.audio, hidden=0)
            network = Network(variant, len(self.manifest.classes), {name: base.size}, {name: base})
        self._fit(network, self._of_proposals(variant), job.base_schedule, name)
        return base

    def _fit(
        self, network: Network, examples: Callable[[str], Examples], schedule: Schedule, stage: str, stamp: str = ""
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
            stamp=stamp,
        )
