"""The twelve classes of the made set: how each looks, moves and sounds.

Neither the eye nor the ear tells all of them apart. Four pairs look alike and sound unlike: dog and cat, rooster and
chirping birds, laughing and a crying baby, a car whose engine runs and one whose siren wails. Four pairs sound alike
and look unlike: engine and train, siren and alarm clock, footsteps and knocks on wood, and, as human voices, laughing
and a crying baby when seen by their spectra. Only train, alarm clock, door and boot have a look of their own.
"""

from dataclasses import dataclass

from avfront.synth import voices
from avfront.synth.looks import Look
from avfront.synth.voices import Voice


@dataclass(frozen=True)
class Kind:
    """A class.

    Attributes
    ----------
    look : Look
        Of its objects.
    motion : str
        How they move: ``"walk"``, ``"hop"``, ``"drive"``, ``"shake"`` or ``"nod"``.
    voice : Voice
        Sounds made where there are no recordings.
    """

    look: Look
    motion: str
    voice: Voice


_QUADRUPED = Look(
    (
        (0, "disc", 0.48, 0.5, 0.34, 0.18),
        (0, "area", 0.2, 0.5, 0.3, 0.5, 0.28, 0.92, 0.2, 0.92),
        (0, "area", 0.34, 0.5, 0.42, 0.5, 0.42, 0.92, 0.35, 0.92),
        (0, "area", 0.56, 0.5, 0.64, 0.5, 0.63, 0.92, 0.56, 0.92),
        (0, "area", 0.68, 0.5, 0.77, 0.5, 0.78, 0.92, 0.71, 0.92),
        (0, "area", 0.2, 0.5, 0.04, 0.16, 0.1, 0.14, 0.28, 0.4),
        (1, "disc", 0.82, 0.3, 0.15, 0.17),
        (1, "area", 0.71, 0.24, 0.72, 0.02, 0.8, 0.15),
        (1, "area", 0.84, 0.15, 0.92, 0.02, 0.93, 0.24),
        (2, "disc", 0.86, 0.28, 0.025, 0.03),
        (2, "disc", 0.95, 0.36, 0.03, 0.03),
    ),
    ((25, 0.75, 0.62), (30, 0.55, 0.85), (0, 0.0, 0.08)),
    "spots",
    1.3,
)
_BIRD = Look(
    (
        (0, "disc", 0.45, 0.58, 0.32, 0.26),
        (0, "area", 0.2, 0.5, 0.02, 0.2, 0.02, 0.62),
        (1, "disc", 0.72, 0.28, 0.15, 0.16),
        (1, "area", 0.6, 0.4, 0.8, 0.4, 0.7, 0.65),
        (2, "area", 0.85, 0.24, 0.99, 0.31, 0.85, 0.36),
        (2, "area", 0.4, 0.8, 0.45, 0.8, 0.45, 0.98, 0.4, 0.98),
        (2, "area", 0.53, 0.8, 0.58, 0.8, 0.58, 0.98, 0.53, 0.98),
        (3, "disc", 0.75, 0.25, 0.025, 0.03),
    ),
    ((0, 0.85, 0.75), (5, 0.1, 0.95), (42, 0.95, 0.95), (0, 0, 0.05)),
    "stripes",
)
_FACE = Look(
    (
        (1, "disc", 0.5, 0.42, 0.42, 0.4),
        (0, "disc", 0.5, 0.54, 0.38, 0.42),
        (2, "disc", 0.36, 0.46, 0.06, 0.05),
        (2, "disc", 0.64, 0.46, 0.06, 0.05),
        (3, "disc", 0.5, 0.76, 0.16, 0.1),
    ),
    ((14, 0.38, 0.95), (20, 0.7, 0.25), (0, 0, 0.08), (350, 0.8, 0.5)),
    aspect=0.85,
)
_CAR = Look(
    (
        (0, "area", 0.03, 0.48, 0.97, 0.48, 0.97, 0.8, 0.03, 0.8),
        (0, "area", 0.2, 0.5, 0.32, 0.18, 0.68, 0.18, 0.82, 0.5),
        (1, "area", 0.3, 0.46, 0.37, 0.25, 0.48, 0.25, 0.48, 0.46),
        (1, "area", 0.53, 0.46, 0.53, 0.25, 0.64, 0.25, 0.72, 0.46),
        (2, "disc", 0.24, 0.8, 0.1, 0.18),
        (2, "disc", 0.76, 0.8, 0.1, 0.18),
    ),
    ((215, 0.85, 0.8), (200, 0.15, 0.95), (0, 0, 0.12)),
    aspect=1.9,
)
_TRAIN = Look(
    (
        (0, "area", 0.02, 0.12, 0.9, 0.12, 0.99, 0.5, 0.99, 0.82, 0.02, 0.82),
        *((1, "area", x, 0.24, x + 0.12, 0.24, x + 0.12, 0.5, x, 0.5) for x in (0.07, 0.25, 0.43, 0.61, 0.78)),
        *((2, "disc", x, 0.86, 0.06, 0.11) for x in (0.14, 0.34, 0.66, 0.86)),
    ),
    ((130, 0.75, 0.55), (55, 0.5, 0.98), (0, 0, 0.1)),
    "stripes",
    2.3,
)
_CLOCK = Look(
    (
        (0, "disc", 0.26, 0.16, 0.14, 0.12),
        (0, "disc", 0.74, 0.16, 0.14, 0.12),
        (0, "disc", 0.5, 0.55, 0.42, 0.42),
        (1, "disc", 0.5, 0.55, 0.32, 0.32),
        (2, "area", 0.48, 0.3, 0.52, 0.3, 0.52, 0.57, 0.48, 0.57),
        (2, "area", 0.48, 0.53, 0.7, 0.6, 0.7, 0.65, 0.48, 0.57),
    ),
    ((52, 0.95, 0.95), (50, 0.06, 1.0), (0, 0, 0.1)),
)
_DOOR = Look(
    (
        (0, "area", 0.05, 0.02, 0.95, 0.02, 0.95, 0.98, 0.05, 0.98),
        (1, "area", 0.2, 0.1, 0.8, 0.1, 0.8, 0.42, 0.2, 0.42),
        (1, "area", 0.2, 0.54, 0.8, 0.54, 0.8, 0.9, 0.2, 0.9),
        (2, "disc", 0.86, 0.5, 0.06, 0.03),
    ),
    ((175, 0.75, 0.6), (175, 0.6, 0.8), (50, 0.8, 0.95)),
    aspect=0.52,
)
_BOOT = Look(
    (
        (0, "area", 0.2, 0.03, 0.58, 0.03, 0.6, 0.5, 0.95, 0.66, 0.97, 0.86, 0.18, 0.86),
        (1, "area", 0.15, 0.86, 0.98, 0.86, 0.98, 0.97, 0.15, 0.97),
        (2, "area", 0.2, 0.03, 0.58, 0.03, 0.58, 0.14, 0.2, 0.14),
    ),
    ((280, 0.65, 0.6), (280, 0.3, 0.15), (300, 0.2, 0.9)),
    "checks",
    0.95,
)

KINDS = {
    "cat": Kind(_QUADRUPED, "walk", voices.cat),
    "chirping_birds": Kind(_BIRD, "hop", voices.birds),
    "clock_alarm": Kind(_CLOCK, "shake", voices.alarm),
    "crying_baby": Kind(_FACE, "nod", voices.baby),
    "dog": Kind(_QUADRUPED, "walk", voices.dog),
    "door_wood_knock": Kind(_DOOR, "shake", voices.knocks),
    "engine": Kind(_CAR, "drive", voices.engine),
    "footsteps": Kind(_BOOT, "walk", voices.steps),
    "laughing": Kind(_FACE, "nod", voices.laughter),
    "rooster": Kind(_BIRD, "hop", voices.rooster),
    "siren": Kind(_CAR, "drive", voices.siren),
    "train": Kind(_TRAIN, "drive", voices.train),
}
