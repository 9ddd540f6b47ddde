"""Figures, their gates and the table that shows them."""

from __future__ import annotations

import enum
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

_COLUMNS: Final = ("part", "what", "min", "middle", "max", "unit", "gate", "goal", "")


class BenchProblem(Exception):
    """Something could not be measured, or answered wrongly; ``str()`` says what, in one line."""


class Bound(enum.Enum):
    """On which side of a gate a good figure lies."""

    AT_LEAST = "≥"
    AT_MOST = "≤"


@dataclass(frozen=True, slots=True)
class Gate:
    """The run fails when the figure lies beyond ``limit``; ``goal`` is what we would like to see."""

    bound: Bound
    limit: float
    goal: float | None = None

    def admits(self, value: float) -> bool:
        """Say whether a figure passes."""
        return value >= self.limit if self.bound is Bound.AT_LEAST else value <= self.limit


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. Without a gate it is printed only.

    ``value`` is what the gate looks at: the median of the rounds unless a part says otherwise.
    """

    what: str
    unit: str
    low: float
    value: float
    high: float
    gate: Gate | None = None

    @property
    def passes(self) -> bool:
        """Whether the figure may stand."""
        return self.gate is None or self.gate.admits(self.value)


def figure_of(what: str, unit: str, rounds: Sequence[float], gate: Gate | None = None) -> Figure:
    """Return the figure of several rounds: smallest, median and largest."""
    return Figure(what, unit, min(rounds), statistics.median(rounds), max(rounds), gate)


def percentile(samples: Sequence[float], share: float) -> float:
    """Return the smallest sample that ``share`` (0 to 1) of all samples do not exceed."""
    ordered = sorted(samples)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def table(figures: Iterable[tuple[str, Figure]]) -> str:
    """Return all figures as aligned text, each behind the name of its part."""
    rows = [_COLUMNS, *(_row(part, figure) for part, figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    lines = []
    for row in rows:
        cells = (
            cell.rjust(width) if 2 <= column <= 4 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _row(part: str, figure: Figure) -> tuple[str, ...]:
    gate = figure.gate
    limits = ("", "", "")
    if gate is not None:
        goal = "" if gate.goal is None else f"{gate.bound.value} {_short(gate.goal)}"
        limits = (f"{gate.bound.value} {_short(gate.limit)}", goal, "pass" if figure.passes else "FAIL")
    return (part, figure.what, _short(figure.low), _short(figure.value), _short(figure.high), figure.unit, *limits)


def _short(value: float) -> str:
    if value == int(value) or abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 20 else f"{value:.3g}"
