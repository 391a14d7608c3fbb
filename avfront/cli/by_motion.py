"""The part of `avfront separate` that is given motion in place of examples."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avfront.cli.words import counts, files_by_name, refuse
from avfront.errors import AvfrontError

if TYPE_CHECKING:
    from avfront.motion_job import MotionJob


def motion_job(
    mix: Path,
    output: Path,
    method: str | None,
    components: str | None,
    iterations: int | None,
    mocap: Sequence[str] | None,
    options: Mapping[str, Any],
) -> "MotionJob":
    """The motion job of a call; `options` are those that only separation by motion has, by their names.

    Raises
    ------
    AvfrontError
        If options contradict each other.
    """
    from avfront.methods.motion import ByMotion
    from avfront.motion.regions import Box
    from avfront.motion_job import MotionJob
    from avfront.sources import check_name

    count = counts(components, "--components", "15", least=1)
    if isinstance(count, dict):
        raise AvfrontError(f"--components {components} names sources", remedy="write one number", usage=True)
    if mocap:
        refuse({"--boxes": options["--boxes"], "--objects": options["--objects"]}, "a job with --mocap")
    else:
        refuse({"--mocap-rate": options["--mocap-rate"]}, "a job without --mocap")
    delay = options["--delay"]
    if delay is not None and not math.isfinite(delay):
        raise AvfrontError(f"--delay {delay} is not finite", remedy="give seconds", usage=True)
    if options["--boxes"]:
        refuse({"--objects": options["--objects"]}, "a job with --boxes")
    tables = files_by_name(mocap or [], "--mocap")
    for source in tables:
        check_name(source)
    name = method or ("soft-coupled" if mocap else "regression")
    if name != "regression":
        refuse({"--estimator": options["--estimator"]}, f"the method {name}")
    return MotionJob(
        mixture=mix,
        output=output,
        boxes=[Box.parse(text) for text in options["--boxes"] or []],
        objects=options["--objects"],
        tables=tables,
        table_rate=options["--mocap-rate"],
        method=ByMotion(
            name,
            options["--estimator"] or ByMotion.estimator,
            count,
            iterations,
            options["--restarts"] or ByMotion.restarts,
        ),
        delay=delay,
    )
