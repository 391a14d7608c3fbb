"""What is written down of a run of training: a line of JSON now and then, and the same for TensorBoard."""

import contextlib
import json
from pathlib import Path
from typing import Any

NAME = "log.jsonl"


class Journal:
    """The log of a run, ``log.jsonl``; also in ``tensorboard/`` where that is installed (extra ``tensorboard``).

    Parameters
    ----------
    folder : Path
    step : int
        Where the run is taken up; what was written of later steps is forgotten.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as name:
    ...     journal = Journal(Path(name))
    ...     journal.write(10, loss=0.7)
    ...     journal.write(20, loss=0.6)
    ...     Journal(Path(name), step=10).write(20, loss=0.5)
    ...     [record["loss"] for record in read(Path(name))]
    [0.7, 0.5]
    """

    def __init__(self, folder: Path, step: int = 0) -> None:
        self._path = folder / NAME
        kept = [record for record in read(folder) if step and record["step"] <= step]
        self._path.write_text("".join(json.dumps(record) + "\n" for record in kept), encoding="utf-8")
        self._board: Any = None
        with contextlib.suppress(ImportError):
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)

    def write(self, step: int, **facts: float) -> None:
        """Add what is known after a step."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **facts}) + "\n")
        if self._board is not None:
            for name, value in facts.items():
                self._board.add_scalar(name, value, step)
            self._board.flush()

    def close(self) -> None:
        """Nothing more will be written."""
        if self._board is not None:
            self._board.close()


def read(folder: Path) -> list[dict[str, float]]:
    """The records of a run in order; a last line that was cut off is left out."""
    path = folder / NAME
    records = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        with contextlib.suppress(ValueError):
            records.append(json.loads(line))
    return records
