"""Bar charts as SVG, written by hand: text that any browser shows and any editor opens."""

from collections.abc import Sequence
from html import escape

_COLOURS = ("#1d70b8", "#f47738", "#00703c")
_WIDTH, _LABELS, _NUMBERS = 960, 380, 70
_BAR, _GAP, _TOP = 12, 8, 64


def bar_chart(title: str, series: Sequence[str], bars: Sequence[tuple[str, Sequence[int]]]) -> str:
    """Horizontal bars: for each label one value of each series. At most three series."""
    row = _BAR * len(series) + _GAP
    height = _TOP + row * max(len(bars), 1) + _GAP
    largest = max((value for _, values in bars for value in values), default=0) or 1
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" '
            f'font-size="12" role="img" aria-label="{escape(title)}">'
        ),
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
        f'<text x="8" y="22" font-size="16" font-weight="bold">{escape(title)}</text>',
    ]
    for index, name in enumerate(series):
        x = 8 + 140 * index
        parts.append(f'<rect x="{x}" y="34" width="12" height="12" fill="{_COLOURS[index]}"/>')
        parts.append(f'<text x="{x + 18}" y="45">{escape(name)}</text>')
    for number, (label, values) in enumerate(bars):
        y = _TOP + row * number
        middle = y + _BAR * len(values) / 2 + 4
        parts.append(f'<text x="{_LABELS - 8}" y="{middle:g}" text-anchor="end">{escape(label)}</text>')
        for index, value in enumerate(values):
            width = (_WIDTH - _LABELS - _NUMBERS) * value / largest
            top = y + _BAR * index
            parts.append(
                f'<rect x="{_LABELS}" y="{top}" width="{width:.1f}" height="{_BAR - 1}" fill="{_COLOURS[index]}"/>'
            )
            parts.append(f'<text x="{_LABELS + width + 4:.1f}" y="{top + _BAR - 2}" font-size="10">{value:,}</text>')
    return "\n".join([*parts, "</svg>", ""])
