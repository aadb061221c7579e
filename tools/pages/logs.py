"""docs/logs.md: every log event and field, from the catalogue."""

from shared.log import ACCESS_LOG, FIELDS, Event

_HEAD = """# Logs

Made from the catalogue in `shared/log.py`. `nox -s docs` writes this page.

Functions write one JSON object a line on stdout, as Cloud Logging reads it: `severity`, `message` (the fixed text),
`event` (its code, which alerts and queries depend on), the event's own fields,
`logging.googleapis.com/trace`, and the platform's execution id as the label `execution_id`.

The trace is that of the caller's `traceparent` header, else a new one. Every published message carries it
(attribute `traceparent`), so one query shows a request and all its results:

```sh cloud
gcloud logging read 'trace="projects/PROJECT/traces/TRACE_ID"' --project PROJECT --location europe-west2 \\
  --bucket psr-service --view _AllLogs
```

Problem details carry the trace id as `trace_id`. No line holds personal data: a field or value that the catalogue does
not allow is left out and logged as `FIELD_DROPPED`, and an unexpected exception is logged with its type and its places in
the code only. Other output of the container (the start and end of the server) is plain text.
"""


def log_page() -> str:
    """The page."""
    parts = [
        _HEAD,
        "## Events\n",
        "| Event | Severity | Text | Fields | Meaning |",
        "| --- | --- | --- | --- | --- |",
        *(_event_row(event) for event in Event if event not in ACCESS_LOG),
        "\n## Access log\n",
        "Which caller saw which registration, and which caller was refused. This log has a bucket of its own (`psr-access`),",
        "whose retention is locked where data is real. Each answer has one entry, however many registrations it shows.\n",
        "| Event | Severity | Text | Fields | Meaning |",
        "| --- | --- | --- | --- | --- |",
        *(_event_row(event) for event in ACCESS_LOG),
        "\n## Fields\n",
        "| Field | Holds | Form |",
        "| --- | --- | --- |",
        *(f"| `{name}` | {field.means} | `{_cell(field.form)}` |" for name, field in sorted(FIELDS.items())),
    ]
    return "\n".join(parts) + "\n"


def _event_row(event: Event) -> str:
    fields = ", ".join(f"`{name}`" for name in event.fields)
    return f"| `{event.name}` | {event.severity} | {event.text} | {fields} | {event.means} |"


def _cell(form: str) -> str:
    return form.replace("|", "\\|")
