"""Many recordings with the same sources and settings: learned from the examples once, one folder each."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from avfront.errors import AvfrontError
from avfront.job import Outcome, Progress
from avfront.separation.job import Job
from avfront.separation.learning import Learned
from avfront.separation.pipeline import separate


def run(
    job: Job, mixtures: Sequence[Path], progress: Progress = lambda stage, share: None
) -> tuple[list[Outcome], list[AvfrontError]]:
    """Do a job for each of several recordings.

    One recording goes into the job's output folder; of several, each goes into a folder there that is named like its
    file. What is wrong with one of several recordings keeps none of the others from being separated.

    Parameters
    ----------
    job : Job
        Its mixture is replaced by each of `mixtures` in turn.
    mixtures : sequence of Path
        At least one.
    progress : callable
        As for :func:`avfront.separation.separate`.

    Returns
    -------
    outcomes : list of Outcome
        Of the recordings that were separated.
    errors : list of AvfrontError
        Of those that were not.

    Raises
    ------
    AvfrontError
        For a single recording that cannot be separated, a call that is wrong for all of them, or two of one name.
    """
    mixtures = [Path(path) for path in mixtures]
    if len(mixtures) == 1:
        return [separate(replace(job, mixture=mixtures[0]), progress)], []
    owner: dict[str, Path] = {}
    for path in mixtures:
        other = owner.setdefault(path.stem.casefold(), path)
        if other is not path:
            raise AvfrontError(
                f"{other} and {path} would go into one folder", remedy="separate them with different -o", usage=True
            )
    learned: Learned = {}
    outcomes: list[Outcome] = []
    errors: list[AvfrontError] = []
    for path in mixtures:
        try:
            outcomes.append(separate(replace(job, mixture=path, output=job.output / path.stem), progress, learned))
        except AvfrontError as error:
            if error.usage:
                raise
            errors.append(error)
        except Exception as error:
            cause = str(error).strip().rstrip(".") or type(error).__name__
            remedy = "separate it alone with --debug to see where this comes from"
            errors.append(AvfrontError(cause, file=path, remedy=remedy))
    return outcomes, errors
