"""Bar charts as SVG, written by hand: text that any browser shows and any editor opens."""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

#: Distinct without colour vision, and in black and white.
_COLOURS = ("#12436d", "#f46a25", "#28a197")
_WIDTH, _LABELS, _TEXTS = 1040, 400, 190
_BAR, _GAP = 14, 10
_LINE = 22


class Bar(NamedTuple):
    """One bar, and the text at its end."""

    value: int
    text: str


def bar_chart(title: str, subtitle: str, series: Sequence[str], groups: Sequence[tuple[str, Sequence[Bar]]]) -> str:
    """Horizontal bars: for each label one bar of each series. At most three series."""
    top = 62 + _LINE * len(series)
    row = _BAR * len(series) + _GAP
    height = top + row * len(groups) + _GAP
    largest = max((bar.value for _, bars in groups for bar in bars), default=0) or 1
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" '
            f'font-size="13" fill="#0b0c0c" role="img" aria-label="{escape(title)}">'
        ),
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
        f'<text x="12" y="28" font-size="19" font-weight="bold">{escape(title)}</text>',
        f'<text x="12" y="49" fill="#505a5f">{escape(subtitle)}</text>',
    ]
    for index, name in enumerate(series):
        y = 62 + _LINE * index
        parts.append(f'<rect class="key" x="12" y="{y}" width="13" height="13" fill="{_COLOURS[index]}"/>')
        parts.append(f'<text x="32" y="{y + 11}">{escape(name)}</text>')
    for number, (label, bars) in enumerate(groups):
        y = top + row * number
        middle = y + _BAR * len(bars) / 2 + 4
        parts.append(f'<text x="{_LABELS - 10}" y="{middle:g}" text-anchor="end">{escape(label)}</text>')
        for index, bar in enumerate(bars):
            width = (_WIDTH - _LABELS - _TEXTS) * bar.value / largest
            at = y + _BAR * index
            colour = _COLOURS[index]
            parts.append(
                f'<rect class="bar" x="{_LABELS}" y="{at}" width="{width:.1f}" height="{_BAR - 1}" fill="{colour}"/>'
            )
            parts.append(
                f'<text x="{_LABELS + width + 6:.1f}" y="{at + _BAR - 3}" font-size="11">{escape(bar.text)}</text>'
            )
    return "\n".join([*parts, "</svg>", ""])
