"""The whole job, from the command to its files."""

from benchmarks.quality.tables import markdown

from .results import NOT_YET, Result, kind, where


def section(results: list[Result]) -> str:
    jobs, imports = kind(results, "job"), kind(results, "import")
    if not jobs:
        return NOT_YET
    rows = []
    for result in [*jobs, *kind(results, "job memory")]:
        median, timed = result["median"], result["kind"] == "job"
        figures = (
            f"{median['wall_s']:.1f} s" if timed else "",
            f"{median['algorithm_s']:.1f} s" if timed else "",
            f"{median['peak_bytes'] / 1e6:.0f} MB",
            f"{result['written_bytes'] / 1e9:.2f} GB" if "written_bytes" in result else "",
        )
        rows.append([result["what"], *figures])
    parts = [markdown(["from the command to the files", "in all", "learning and separating", "memory", "files"], rows)]
    parts += [f"{r['what'].capitalize()}: {r['median_s']:.2f} s." for r in imports]
    parts.append(where([*jobs, *imports]))
    return "\n\n".join(parts)
