"""Training: the one loop, from clips with classes to the weights that are best on other clips."""

import contextlib
import copy
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from avfront import metrics
from avfront.errors import AvfrontError
from avfront.job import Progress
from avfront.mil import checkpoint, parallel
from avfront.mil.dataset import Balanced, Batch, Examples
from avfront.mil.journal import Journal
from avfront.mil.network import Network
from avfront.mil.schedule import Schedule


@dataclass(frozen=True)
class Validation:
    """What a network says of clips."""

    scores: npt.NDArray[np.float32]  # (L, C)
    loss: float


def fit(
    network: Network,
    train: Examples,
    validation: Examples,
    schedule: Schedule,
    folder: Path,
    *,
    device: torch.device | None = None,
    progress: Progress = lambda stage, share: None,
    name: str = "training",
    stamp: str = "",
    trained: bool = False,
) -> None:
    """Train a network in place; it is left with the weights that had the best mean average precision on `validation`.

    A run that was interrupted is taken up at its last checkpoint in `folder`, and ends with the same weights as one
    that was not (to the bit on a CPU); one that is done is not repeated.

    Parameters
    ----------
    network : Network
        On any device.
    train, validation : Examples
    schedule : Schedule
    folder : Path
        For ``checkpoint.pt`` and ``log.jsonl``; made if it is not there.
    device : torch.device, optional
        Where to compute; the CPU by default.
    progress : callable
        Told of `name` with the loss, and the share of the steps that are done.
    stamp : str
        Stands for what else the run depends on: one that was begun with another stamp is not taken up.
    trained : bool
        The network has learned already: if nothing better is found, it is left as it is.

    Raises
    ------
    AvfrontError
        If the folder holds a run with other settings, or the loss is no number any more.
    """
    run = Run(network, schedule, device or torch.device("cpu"), folder, stamp)
    with run, torch.random.fork_rng(devices=[run.device] if run.device.type == "cuda" else []):
        draws = Balanced(train.truth, schedule.steps, schedule.batch, presence=schedule.presence, seed=schedule.seed)
        own = (draws[step][parallel.rank() :: parallel.count()] for step in range(run.standing.step, schedule.steps))
        losses: list[float] = []
        if trained and not run.standing.step:
            run.record(evaluate(network, validation, run.device), validation.truth)
        for batch in train.drawn(own, workers=schedule.workers) if not run.ended else ():
            losses.append(run.update(batch))
            progress(f"{name}, loss {losses[-1]:.3f}", run.standing.step / schedule.steps)
            if run.standing.step % schedule.interval == 0 or run.standing.step == schedule.steps:
                run.record(evaluate(network, validation, run.device), validation.truth, loss=float(np.mean(losses)))
                losses.clear()
                if run.ended:
                    break
    network.load_state_dict(run.standing.best)


def evaluate(network: Network, examples: Examples, device: torch.device, batch: int = 16) -> Validation:
    """Scores of all clips, and the mean loss."""
    network.to(device).eval()
    scores, losses = [], []
    with torch.inference_mode():
        for part in examples.in_order(batch):
            here = part.to(device)
            found = network(here.items).clips
            losses.append(network.pooling.loss(found, here.truth).item() * len(found))
            scores.append(found.cpu().numpy())
    return Validation(np.concatenate(scores), sum(losses) / len(examples))


class Run:
    """A network that is being trained, its optimizer, and where it stands; a context manager.

    Parameters
    ----------
    network : Network
    schedule : Schedule
    device : torch.device
    folder : Path
    stamp : str
    """

    def __init__(
        self, network: Network, schedule: Schedule, device: torch.device, folder: Path, stamp: str = ""
    ) -> None:
        self.device = device
        self._network, self._schedule, self._folder = network.to(device), schedule, folder
        self._trained: Any = parallel.wrapped(network)
        self._optimizer = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], lr=schedule.rate)
        self._mixed = schedule.mixed and device.type == "cuda"
        self._scaler = torch.amp.GradScaler(device.type, enabled=self._mixed)
        # What may differ between the parts of one run is left out.
        settings = asdict(schedule) | {"workers": None, "accumulate": None}
        self._stamp = repr((asdict(network.variant), settings, sorted(network.state_dict()), stamp))
        folder.mkdir(parents=True, exist_ok=True)
        found = checkpoint.load(folder, self._stamp)
        self.standing = found or checkpoint.Standing(best=copy.deepcopy(_on_cpu(network.state_dict())))
        if found is not None:
            network.load_state_dict(found.network)
            self._optimizer.load_state_dict(found.optimizer)
            self._scaler.load_state_dict(found.scaler)
        self._journal = Journal(folder, self.standing.step) if parallel.rank() == 0 else None
        self._since = time.monotonic() - self.standing.seconds

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, *exc: object) -> None:
        if self._journal is not None:
            self._journal.close()

    @property
    def ended(self) -> bool:
        """Whether all steps are done, or the last validations brought nothing better."""
        since = self.standing.step - self.standing.best_step
        return self.standing.step >= self._schedule.steps or since >= self._schedule.patience * self._schedule.interval

    def update(self, batch: Batch) -> float:
        """One step with a batch; returns its loss."""
        self._network.train()
        standing, schedule = self.standing, self._schedule
        # A seed for each step instead of one generator for all: nothing to keep, in one process or several.
        seed = np.random.SeedSequence([schedule.seed, standing.step, parallel.rank()])
        torch.manual_seed(int(seed.generate_state(1, np.uint64)[0]))
        self._optimizer.zero_grad(set_to_none=True)
        total = 0.0
        parts = list(_parts(batch, schedule.accumulate))
        for place, part in enumerate(parts):
            here = part.to(self.device)
            alone = place + 1 < len(parts) and isinstance(self._trained, nn.parallel.DistributedDataParallel)
            with self._trained.no_sync() if alone else contextlib.nullcontext():
                with torch.autocast(self.device.type, torch.float16, enabled=self._mixed):
                    scores = self._trained(here.items).clips
                loss = self._network.pooling.loss(scores, here.truth) / len(parts)
                torch.autograd.backward(self._scaler.scale(loss))
            total += loss.item()
        if not math.isfinite(total):
            raise AvfrontError(
                f"the loss is no number after {standing.step} steps", file=self._folder, remedy="give a smaller --rate"
            )
        self._scaler.step(self._optimizer)
        self._scaler.update()
        standing.step += 1
        return total

    def record(self, found: Validation, truth: npt.NDArray[np.bool_], **facts: float) -> None:
        """Note a validation with these facts, and keep where the run stands."""
        standing = self.standing
        value = parallel.agreed(metrics.mean_average_precision(truth, found.scores))
        if value > standing.best_value:
            standing.best_step, standing.best_value = standing.step, value
            standing.best = copy.deepcopy(_on_cpu(self._network.state_dict()))
        standing.network, standing.optimizer = self._network.state_dict(), self._optimizer.state_dict()
        standing.scaler, standing.seconds = self._scaler.state_dict(), time.monotonic() - self._since
        if self._journal is not None:
            said = found.scores > metrics.tune_thresholds(truth, found.scores)
            self._journal.write(
                standing.step,
                **facts,
                validation_loss=found.loss,
                validation_map=value,
                validation_f1=float(metrics.f_score(truth, said).f1),
                seconds=round(standing.seconds, 2),
            )
            checkpoint.save(self._folder, standing, self._stamp)
        parallel.wait()


def _parts(batch: Batch, count: int) -> Iterator[Batch]:
    """A batch in so many parts of as many clips."""
    for place in range(count):
        items = {
            name: type(one)(one.inputs[place::count], one.windows[place::count]) for name, one in batch.items.items()
        }
        yield Batch(items, batch.truth[place::count])


def _on_cpu(weights: dict[str, Any]) -> dict[str, Any]:
    return {name: value.cpu() for name, value in weights.items()}
