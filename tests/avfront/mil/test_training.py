import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from avfront.errors import AvfrontError
from avfront.mil import journal, parallel
from avfront.mil.network import Variant
from avfront.mil.poolings import POOLINGS
from avfront.mil.schedule import Schedule
from avfront.mil.training import evaluate, fit

QUICK = Schedule(steps=40, batch=6, interval=10, rate=1e-2)
CPU = torch.device("cpu")


class Break(Exception):
    pass


def trained(made, folder: Path, schedule: Schedule, variant: Variant | None = None, progress=lambda stage, share: None):
    variant = variant or Variant()
    network = made.network(variant)
    fit(
        network,
        made.examples(40, variant, seed=1),
        made.examples(20, variant, seed=2),
        schedule,
        folder,
        progress=progress,
    )
    return network


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


@pytest.mark.parametrize("pooling", POOLINGS)
def test_every_pooling_learns(made, tmp_path: Path, pooling: str) -> None:
    variant = Variant(pooling, hidden=16, dropout=0.2)
    network = trained(made, tmp_path, replace(QUICK, steps=100), variant)
    records = journal.read(tmp_path)
    best = max(record["validation_map"] for record in records)
    assert best > 0.9
    assert records[-1]["loss"] < records[0]["loss"]
    found = evaluate(network, made.examples(20, variant, seed=2), CPU)
    assert found.loss == pytest.approx(
        next(record["validation_loss"] for record in records if record["validation_map"] == best)
    )


def test_an_interrupted_run_ends_as_one_that_was_not(made, tmp_path: Path) -> None:
    def interrupt(stage: str, share: float) -> None:
        if share >= 0.6:  # between two checkpoints
            raise Break

    whole = trained(made, tmp_path / "whole", QUICK)
    with pytest.raises(Break):
        trained(made, tmp_path / "broken", QUICK, progress=interrupt)
    taken_up: list[float] = []
    resumed = trained(made, tmp_path / "broken", QUICK, progress=lambda stage, share: taken_up.append(share))
    assert taken_up[0] == pytest.approx(21 / 40)
    assert same(whole, resumed)
    logs = [
        [
            {name: value for name, value in record.items() if name != "seconds"}
            for record in journal.read(tmp_path / run)
        ]
        for run in ("whole", "broken")
    ]
    assert logs[0] == logs[1]


def test_a_finished_run_is_not_repeated(made, tmp_path: Path) -> None:
    first, steps = trained(made, tmp_path, QUICK), []
    again = trained(made, tmp_path, QUICK, progress=lambda stage, share: steps.append(share))
    assert steps == []
    assert same(first, again)


def test_a_killed_run_is_taken_up(made, tmp_path: Path) -> None:
    """Killed without any warning, in a process of its own."""
    program = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from dataclasses import replace
from conftest import Made
from avfront.mil.network import Variant
from avfront.mil.schedule import Schedule
from avfront.mil.training import fit
made = Made()
fit(made.network(Variant()), made.examples(40, Variant(), seed=1), made.examples(20, Variant(), seed=2),
    {QUICK!r}, Path({str(tmp_path / "killed")!r}))
"""
    process = subprocess.Popen([sys.executable, "-c", program], env={**os.environ, "OMP_NUM_THREADS": "1"})
    while not (tmp_path / "killed" / "checkpoint.pt").exists() and process.poll() is None:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert same(trained(made, tmp_path / "killed", QUICK), trained(made, tmp_path / "whole", QUICK))


def test_training_ends_early_with_the_best_weights(made, tmp_path: Path) -> None:
    schedule = replace(QUICK, steps=400, interval=5, patience=3)
    network = trained(made, tmp_path, schedule, Variant(hidden=0))
    records = journal.read(tmp_path)
    values = [record["validation_map"] for record in records]
    assert records[-1]["step"] < 400
    assert values.index(max(values)) == len(values) - 1 - 3
    assert evaluate(network, made.examples(20, Variant(hidden=0), seed=2), CPU).loss == pytest.approx(
        records[values.index(max(values))]["validation_loss"]
    )


def test_what_has_learned_already_does_not_get_worse(made, tmp_path: Path) -> None:
    network = trained(made, tmp_path / "first", replace(QUICK, steps=100))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    wild = replace(QUICK, rate=10.0, steps=20)
    sets = [made.examples(count, Variant(), seed=seed) for count, seed in ((40, 1), (20, 2))]
    fit(network, *sets, wild, tmp_path / "further", trained=True)
    records = journal.read(tmp_path / "further")
    assert [record["step"] for record in records] == [0, 10, 20]
    assert max(record["validation_map"] for record in records[1:]) < records[0]["validation_map"]
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_parts_of_a_batch_add_up_to_it(made, tmp_path: Path) -> None:
    plain = Variant(dropout=0.0)
    whole = trained(made, tmp_path / "whole", QUICK, plain)
    parts = trained(made, tmp_path / "parts", replace(QUICK, accumulate=3), plain)
    for a, b in zip(whole.parameters(), parts.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-4)


def test_processes_together_learn_as_one_does(made, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from conftest import Made
from avfront.mil import parallel
from avfront.mil.network import Variant
from avfront.mil.schedule import Schedule
from avfront.mil.training import fit
import torch
with parallel.together():
    made = Made()
    network = made.network(Variant(dropout=0.0))
    fit(network, made.examples(40, Variant(), seed=1), made.examples(20, Variant(), seed=2),
        {QUICK!r}, Path({str(tmp_path / "two")!r}))
    torch.save(network.state_dict(), Path({str(tmp_path)!r}) / f"{{parallel.rank()}}.pt")
""")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(program)]
    done = subprocess.run(
        command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    alone = trained(made, tmp_path / "one", QUICK, Variant(dropout=0.0)).state_dict()
    for name, value in alone.items():
        assert torch.equal(first[name], second[name])
        assert torch.allclose(first[name], value, atol=1e-4)


def test_nothing_outside_is_touched(made, tmp_path: Path) -> None:
    made.network(Variant())  # which seeds
    before = torch.random.get_rng_state()
    trained(made, tmp_path, replace(QUICK, steps=3, interval=3))
    made.network(Variant())
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_run_with_other_settings_is_refused(made, tmp_path: Path) -> None:
    trained(made, tmp_path, replace(QUICK, steps=10))
    with pytest.raises(AvfrontError, match="other settings"):
        trained(made, tmp_path, QUICK)
    (tmp_path / "checkpoint.pt").write_bytes(b"PK nonsense")
    with pytest.raises(AvfrontError, match="damaged"):
        trained(made, tmp_path, QUICK)


def test_a_loss_that_is_no_number_ends_the_run(made, tmp_path: Path) -> None:
    with pytest.raises(AvfrontError, match="loss is no number"):
        trained(made, tmp_path, replace(QUICK, rate=1e30))


def test_the_log_is_json_line_by_line(made, tmp_path: Path) -> None:
    trained(made, tmp_path, QUICK)
    records = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [record["step"] for record in records] == [10, 20, 30, 40]
    assert {"loss", "validation_loss", "validation_map", "validation_f1", "seconds"} < set(records[0])


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"rate": 0.0}, {"rate": float("nan")}, {"accumulate": 5}])
def test_schedules_out_of_range(wrong) -> None:
    with pytest.raises(AvfrontError):
        Schedule(**wrong)


def test_a_device_that_is_not_there() -> None:
    if not torch.cuda.is_available():
        with pytest.raises(AvfrontError, match="no GPU"):
            parallel.device("cuda")
