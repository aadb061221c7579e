"""The forms and links of a page, as a browser finds them."""

from html.parser import HTMLParser
from typing import NamedTuple
from urllib.parse import urljoin


class Field(NamedTuple):
    """A field of a form. `values`: those that can be chosen; `given`: what a browser would send untouched."""

    kind: str
    values: list[str]
    given: list[str]


class Form(NamedTuple):
    """A form: where and how it is sent, and its fields by name."""

    action: str
    method: str
    fields: dict[str, Field]

    @property
    def filled(self) -> dict[str, list[str]]:
        """The fields as a browser sends them if nobody touches them."""
        return {name: field.given for name, field in self.fields.items() if field.given}


class Served(HTMLParser):
    """A parsed page: its `forms`, and the addresses that it names, in order."""

    def __init__(self, path: str, page: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self._path = path
        self._textarea: str | None = None
        self._select: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            action = urljoin(self._path, found.get("action", self._path))
            self.forms.append(Form(action, found.get("method", "get"), {}))
        elif tag == "a" and found.get("href", "#")[0] != "#":
            self.links.append(urljoin(self._path, found["href"]))
        elif tag == "select":
            self._select = found["name"]
            self._add(self._select, "select", [], [])
        elif tag == "option" and self._select:
            field = self.forms[-1].fields[self._select]
            field.values.append(found["value"])
            if "selected" in found or not field.given:
                field.given[:] = [found["value"]]
        elif tag == "textarea":
            self._textarea = found["name"]
            self._add(self._textarea, "textarea", [], [""])
        elif tag == "input":
            self._input(found)

    def _input(self, found: dict[str, str]) -> None:
        kind, value = found.get("type", "text"), found.get("value", "")
        if kind in {"checkbox", "radio"}:
            self._add(found["name"], kind, [value], [value] if "checked" in found else [])
        else:
            self._add(found["name"], kind, [], [value])

    def _add(self, name: str, kind: str, values: list[str], given: list[str]) -> None:
        field = self.forms[-1].fields.setdefault(name, Field(kind, [], []))
        field.values.extend(values)
        field.given.extend(given)

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = None
        if tag == "textarea":
            self._textarea = None

    def handle_data(self, data: str) -> None:
        if self._textarea:
            given = self.forms[-1].fields[self._textarea].given
            given[0] += data if given[0] else data.removeprefix("\n")
