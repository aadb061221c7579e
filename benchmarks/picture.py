"""The ratios as a picture: how far each is from its goal, as SVG without any library."""

from html import escape
from math import log2

from benchmarks.figures import Figure

_ROW, _LEFT, _WIDTH, _TOP = 22, 470, 400, 40
#: The axis shows from this part of the goal to this multiple of it.
_OCTAVES = 4.0
_CAPTION = "the goal; to the right is better, a mark is a factor of 2"
_FONT = 'font-family="sans-serif" font-size="12"'


def as_svg(figures: list[Figure]) -> str:
    """One row for each figure with a goal: the rounds as a line, the median as a dot, to the right is better."""
    shown = [figure for figure in figures if figure.met is not None]
    height = _TOP + _ROW * len(shown) + 20
    middle = _LEFT + _WIDTH / 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LEFT + _WIDTH + 90}" height="{height}" {_FONT}>',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{middle}" y="16" text-anchor="middle">{_CAPTION}</text>',
    ]
    for octave in range(int(-_OCTAVES), int(_OCTAVES) + 1):
        x = middle + octave * _WIDTH / 2 / _OCTAVES
        colour = "#333" if octave == 0 else "#ddd"
        parts.append(f'<line x1="{x}" y1="{_TOP - 16}" x2="{x}" y2="{height - 10}" stroke="{colour}"/>')
    parts += [line for row, figure in enumerate(shown) for line in _row(figure, _TOP + row * _ROW, middle)]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _row(figure: Figure, y: float, middle: float) -> list[str]:
    low, dot, high = (_x(figure, value, middle) for value in (min(figure.samples), figure.median, max(figure.samples)))
    colour = "#1a7f37" if figure.met else "#b35900"
    goal = figure.goal
    return [
        f'<text x="{_LEFT - 10}" y="{y + 4}" text-anchor="end">{escape(figure.name)}</text>',
        f'<line x1="{low}" y1="{y}" x2="{high}" y2="{y}" stroke="{colour}" stroke-width="3" opacity="0.5"/>',
        f'<circle cx="{dot}" cy="{y}" r="5" fill="{colour}"/>',
        f'<text x="{_LEFT + _WIDTH + 8}" y="{y + 4}">{figure.median:.3g} ({escape(goal)})</text>',
    ]


def _x(figure: Figure, value: float, middle: float) -> float:
    better = log2(value / figure.at_least) if figure.at_least else -log2(value / (figure.at_most or 1))
    return round(middle + max(-_OCTAVES, min(_OCTAVES, better)) * _WIDTH / 2 / _OCTAVES, 1)
