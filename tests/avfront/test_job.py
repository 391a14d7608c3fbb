"""Jobs as Python gives them."""

from dataclasses import replace
from pathlib import Path

import pytest

from avfront import separation
from avfront.motion_job import MotionJob
from avfront.sources import parse


def test_a_job_takes_its_paths_as_text(sounds, tmp_path):
    job = separation.Job(
        str(sounds.mix),
        parse([f"speech={sounds.speech}", f"noise={sounds.noise}"]),
        str(tmp_path / "out"),
        options={"components": 3, "iterations": 2},
        picture=False,
    )
    assert separation.separate(job).files["speech"] == tmp_path / "out" / "speech.wav"
    outcomes, errors = separation.run(replace(job, force=True), [str(sounds.mix), str(sounds.images["speech"])])
    assert ([outcome.files["noise"].parent.name for outcome in outcomes], errors) == (["mix", "speech"], [])


def test_paths_in_mappings_too():
    job = MotionJob("duo.mp4", "out", tables={"violin": "bow.csv"}, references={"violin": "violin.wav"})
    assert (job.mixture, job.output) == (Path("duo.mp4"), Path("out"))
    assert job.tables == {"violin": Path("bow.csv")}
    assert job.references == {"violin": Path("violin.wav")}


def test_and_those_of_the_weakly_supervised_system():
    pytest.importorskip("torch")
    from avfront.enhancement import EnhancementJob
    from avfront.localization import LocalizationJob
    from avfront.mil import TrainingJob

    for kind in (EnhancementJob, LocalizationJob):
        job = kind("clip.mp4", "trained", "out")
        assert (job.video, job.system, job.output) == (Path("clip.mp4"), Path("trained"), Path("out"))
    assert TrainingJob("m.csv", "out", weights={"audio": "vggish.pt"}).weights == {"audio": Path("vggish.pt")}
