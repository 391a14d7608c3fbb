"""What is learned from the examples before the mixture is listened to."""

from collections.abc import MutableMapping
from typing import TYPE_CHECKING

from avfront.job import Stages
from avfront.methods import Method
from avfront.separation import examples
from avfront.separation.examples import Examples
from avfront.separation.job import Plan

if TYPE_CHECKING:
    from nmfcore.models import Dictionary

# By what it depends on besides the examples; several recordings share it.
Learned = MutableMapping[tuple[object, ...], tuple[list[Examples], "list[Dictionary]"]]


def learn(
    plan: Plan, method: Method, frame: int, stages: Stages, notes: list[str], shared: Learned
) -> tuple[list[Examples], "list[Dictionary]"]:
    """The examples of each source, and the dictionaries of their patterns that the method uses."""
    from nmfcore.models import learn_dictionary

    job, rate = plan.job, plan.info.rate
    number = method.dictionaries(plan.info.channels)
    key = (plan.sources, rate, frame, repr(method), number, job.example_seconds, job.seed)
    if key in shared:
        return shared[key]
    with stages("read"):
        learned = []
        for done, source in enumerate(plan.sources, 1):
            learned.append(
                examples.load(
                    source, rate=rate, frame=frame, seconds=job.example_seconds, mixture=plan.info.path, notes=notes
                )
            )
            stages.share(done / len(plan.sources))
    dictionaries = []
    if number:
        with stages("dictionary"):
            for turn in range(number):
                dictionaries.append(
                    learn_dictionary(
                        {one.source: one.spectrograms for one in learned},
                        {one.source: method.patterns(one.source) for one in learned},
                        n_iter=method.dictionary_iterations,
                        seed=job.seed + turn,
                    )
                )
                stages.share((turn + 1) / number)
    for one in learned:
        one.spectrograms.clear()  # they were large, and are not needed again
    shared[key] = learned, dictionaries
    return shared[key]
