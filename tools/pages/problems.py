"""docs/problems.md: the catalogue of problems, and the codes of field errors."""

from shared.errors import http_problems
from shared.field_errors import field_error_codes
from tools.pages.text import about

_ABOUT = """\
# Problems

The answers of the API to requests that it cannot fulfil (RFC 9457, `application/problem+json`). `type` is stable:
branch on it, not on the text. `errors` names each field by JSON Pointer, header or parameter, with a stable `code` and a
sentence for people. No answer repeats a value that was sent. Quote `trace_id` when you ask for help.

Made by `nox -s docs` from `shared/errors.py` and `shared/data/field_errors.csv`. `GET /v1/reference` answers the same texts.

| Type | Status | Title | When | What to do |
| --- | --- | --- | --- | --- |
"""
_FIELD_ERRORS = """
## Field errors

Show `detail` at the field, or your own text for the `code`. Quarantined messages and migrated records have the same codes.
`…` is for what depends on the field.

| Code | Sentences |
| --- | --- |
"""


def problems_text() -> str:
    """The page, Markdown."""
    problems = [
        f'| <a id="{p.code}"></a>`/problems/{p.code}` | {p.status} | {p.title} | {about(p)} | {p.detail} |\n'
        for p in http_problems()
    ]
    codes = [f"| `{code}` | {'<br>'.join(details)} |\n" for code, details in sorted(field_error_codes().items())]
    return "".join([_ABOUT, *problems, _FIELD_ERRORS, *codes])
