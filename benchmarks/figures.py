"""A figure: the measurement of each round, and the goal. A ratio's two sides are measured next to each other."""

import json
from statistics import median
from typing import NamedTuple


class Figure(NamedTuple):
    """One row of the table. `at_least` and `at_most` are goals; without one, the figure is only reported."""

    name: str
    unit: str
    samples: list[float]
    at_least: float | None = None
    at_most: float | None = None

    @property
    def median(self) -> float:
        """Of the rounds."""
        return median(self.samples)

    @property
    def goal(self) -> str:
        """The goal as the table shows it."""
        if self.at_least is not None:
            return f"≥ {self.at_least:g}"
        return f"≤ {self.at_most:g}" if self.at_most is not None else ""

    @property
    def met(self) -> bool | None:
        """Whether the median keeps the goal; None without a goal."""
        if self.at_least is not None:
            return self.median >= self.at_least
        return self.median <= self.at_most if self.at_most is not None else None


def as_json(figures: list[Figure], machine: dict[str, object]) -> str:
    """Everything measured, for other programs."""
    rows = [{**figure._asdict(), "median": figure.median, "met": figure.met} for figure in figures]
    return json.dumps({"machine": machine, "figures": rows}, indent=1, ensure_ascii=False) + "\n"


def as_table(figures: list[Figure]) -> str:
    """Markdown, one row a figure: median, lowest and highest of the rounds, goal."""
    lines = ["| figure | median | lowest to highest | rounds | goal | |", "| --- | ---: | ---: | ---: | --- | --- |"]
    for figure in figures:
        low, high = _rounded(min(figure.samples)), _rounded(max(figure.samples))
        met = {True: "met", False: "**missed**", None: ""}[figure.met]
        unit = f" {figure.unit}" if figure.unit else ""
        lines.append(
            f"| {figure.name} | {_rounded(figure.median)}{unit} | {low} to {high} | {len(figure.samples)} "
            f"| {figure.goal} | {met} |"
        )
    return "\n".join(lines) + "\n"


def _rounded(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
