"""`avfront classify` as a job: files and trained systems in, classes with their scores out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from avfront.errors import AvfrontError
from avfront.job import Progress
from avfront.mil import parallel
from avfront.mil.system import Classifier, Fusion, System
from avfront.proposals import propose_one


def classify(
    files: Sequence[Path],
    systems: Sequence[Path],
    *,
    device: str = "auto",
    progress: Progress = lambda stage, share: None,
) -> tuple[list[dict[str, Any]], list[AvfrontError]]:
    """The classes of videos.

    Parameters
    ----------
    files : sequence of Path
    systems : sequence of Path
        Folders of trained systems; the scores of several are added.
    device : {"auto", "cpu", "cuda"}

    Returns
    -------
    found : list of dict
        For each file that can be used its ``path``, the ``classes`` that are said of it, the surest first, and the
        ``scores`` and ``thresholds`` by class.
    errors : list of AvfrontError
        What is wrong with the others.

    Raises
    ------
    AvfrontError
        If a system cannot be used.
    """
    loaded = [System.load(folder, parallel.device(device)) for folder in systems]
    classifier: Classifier = loaded[0] if len(loaded) == 1 else Fusion(loaded)
    found: list[dict[str, Any]] = []
    errors: list[AvfrontError] = []
    for place, path in enumerate(files):
        progress("classifying", place / len(files))
        try:
            scores = classifier.predict(propose_one(path, classifier.settings, device=device))
        except AvfrontError as error:
            errors.append(error)
            continue
        found.append(
            {
                "path": str(path),
                "classes": list(classifier.said(scores)),
                "scores": dict(zip(classifier.classes, map(float, scores.classes), strict=True)),
                "thresholds": dict(zip(classifier.classes, map(float, classifier.thresholds), strict=True)),
            }
        )
    return found, errors
