"""Learn from weak labels which classes videos show; then say where, when, and what each sounds like on its own.

    python examples/identify_locate_separate.py      # needs nmfcore[mil]

The videos are made on the spot, few and small, and the training is a matter of seconds: enough to see how it goes,
not to hear much. `Recipe()` makes the set of the benchmark, `TrainingJob(manifest, folder)` the system.
"""

from pathlib import Path

from avfront.enhancement import EnhancementJob
from avfront.enhancement import run as enhance
from avfront.localization import LocalizationJob
from avfront.localization import run as localize
from avfront.manifest import read_manifest
from avfront.mil.job import TrainingJob, train
from avfront.mil.schedule import Schedule
from avfront.proposals import Settings
from avfront.synth.collection import Recipe, make_set

manifest = make_set(Path("made"), Recipe(train=24, validation=12, test=12, seconds=4.0, size=(160, 120), rate=5))
quick = Schedule(steps=20, interval=10, batch=8)
few = Settings(boxes=4, components=6, iterations=50)
system = train(TrainingJob(manifest, Path("trained"), schedule=quick, base_schedule=quick, settings=few)).system
clip = read_manifest(manifest).of("test")[0]
places = localize(LocalizationJob(clip.path, Path("trained"), Path("located"), labels=clip.labels))
sounds = enhance(EnhancementJob(clip.path, Path("trained"), Path("enhanced"), label=clip.labels[0]))
print(f"{len(system.classes)} classes; this clip: {', '.join(clip.labels)}")
for path in (*places.files.values(), *sounds.files.values()):
    print(path)
