"""Parts of the local stack's pages."""

import re
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path

from starlette.responses import HTMLResponse

NAME = "Priority Services Register"

_STYLE = Path(__file__).with_name("pages.css").read_text(encoding="utf-8")
_ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E"
    "%3Crect width='32' height='32' rx='7' fill='%2312436d'/%3E"
    "%3Cpath d='M18 4 8 18h6l-2 10 11-15h-6z' fill='%23ffd23f'/%3E%3C/svg%3E"
)
_LINKS = (("/", "Register"), ("/docs", "API"), ("/problems", "Problems"), ("/openapi.json", "OpenAPI"))


def page(title: str, body: str, footer: str = "") -> HTMLResponse:
    """A whole page. `body` and `footer` are HTML."""
    links = "".join(f"<a href='{path}'>{name}</a>" for path, name in _LINKS)
    whole_title = NAME if title == NAME else f"{title} · {NAME}"
    return HTMLResponse(
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        f"<meta name='viewport' content='width=device-width'><title>{whole_title}</title>"
        f'<link rel="icon" href="{_ICON}"><style>{_STYLE}</style></head>'
        f"<body><header><h1>{title}</h1><nav aria-label='Pages'>{links}</nav></header>"
        f"<main>{body}</main><footer>{footer}</footer></body></html>"
    )


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """HTML of cells that are HTML already."""
    heads = "".join(f"<th scope='col'>{cell}</th>" for cell in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<div class='scroll' tabindex='0'><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"


def card(title: str, number: str, *more: str) -> str:
    """A figure with its title, and HTML below it."""
    return f"<section class='card'><h3>{title}</h3><p class='number'>{number}</p>{''.join(more)}</section>"


def stacked_bar(counts: Mapping[str, int]) -> str:
    """One bar with a piece for each count, and the counts in words below it."""
    total = sum(counts.values())
    at = 0.0
    pieces = []
    for name, count in counts.items():
        width = 100 * count / total if total else 0
        pieces.append(f"<rect class='{name}' x='{at:.2f}' width='{width:.2f}' height='1'/>")
        at += width
    keys = "".join(
        f"<span class='key' style='--dot: var(--{name})'>{count:,} {name}</span>" for name, count in counts.items()
    )
    return (
        "<svg viewBox='0 0 100 1' preserveAspectRatio='none' aria-hidden='true'>"
        f"<rect class='none' width='100' height='1'/>{''.join(pieces)}</svg><p>{keys}</p>"
    )


def code_marks(text: str) -> str:
    """Text with its `code` marked."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
