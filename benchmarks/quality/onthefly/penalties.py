"""The rows of the tables."""

from __future__ import annotations

from dataclasses import dataclass

BLOCK = (1e-5, 1e-4, 4e-4, 1e-3)
COMPONENT = (2e-8, 1e-7, 5e-7, 1e-6, 5e-6)


@dataclass(frozen=True)
class Penalty:
    """A row of the tables: the penalty, its grid of λ0, and the paper's mean NSDR and NSIR where given."""

    name: str
    kind: str
    gamma: float | str
    grid: tuple[float, ...]
    supervised: tuple[float, float] | None
    semi: tuple[float, float] | None


ROWS = (
    Penalty("no sparsity", "component", 0.0, (0.0,), None, None),
    Penalty("block", "block", 0.0, BLOCK, (5.14, 9.80), (0.74, 4.66)),
    Penalty("component", "component", 0.0, COMPONENT, (5.91, 10.67), (1.98, 6.22)),
    Penalty("relative block, γ = 1", "block", 1.0, BLOCK, (4.78, 9.27), (1.68, 6.03)),
    Penalty("relative component, γ = 1", "component", 1.0, COMPONENT, (6.15, 10.70), (2.31, 6.64)),
    Penalty("relative block, γ = 1/G", "block", "1/G", BLOCK, (5.03, 9.44), (1.09, 5.74)),
    Penalty("relative component, γ = 1/G", "component", "1/G", COMPONENT, (5.96, 10.72), None),
)
