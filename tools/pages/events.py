"""docs/events/, the contract for producers: a JSON Schema and an example of each type, and a page about them."""

import json
from typing import Any

from shared.export.work import PartDue
from shared.messages.account_events import ACCOUNT_EVENTS
from shared.messages.events import CloudEvent, CustomerMigrated
from shared.settings import Settings
from tools.pages.schemas import Untitled
from tools.synthetic import consent

Json = dict[str, Any]

#: Which topic each type is published to.
TOPICS: dict[type[CloudEvent], str] = {
    CustomerMigrated: "psr-customer-migration",
    **dict.fromkeys(ACCOUNT_EVENTS, "psr-account-events"),
    PartDue: "psr-export-work",
}

_CUSTOMER: Json = {
    "account_id": "A-1000001",
    "supply_points": {"mpans": ["1000999001019"], "mprns": ["9900000104"]},
    "premises": {"address_lines": ["1 Test Street", "Testtown"], "postcode": "BS1 4DJ"},
    "primary_contact": {"name": "Mrs A Example", "phones": ["07700900123"]},
    "needs": [
        {"code": "02"},
        {"legacy": "partially sighted"},
        {"code": "29", "youngest_child_born_on": "2025-05-01"},
    ],
    "sharing": consent("2026-01-05"),
    "household": {"occupants": [{"birth_year": 1990}, {"birth_year": 2025}], "can_top_up": True},
}
_MOVE: Json = {
    "supply_points": {"mpans": ["1100999001110"]},
    "premises": {"address_lines": ["2 New Street"], "postcode": "M1 1AE"},
    "sharing": consent("2026-10-02", "move form"),
}
_EXAMPLES: dict[str, Json] = {
    "uk.psr.customer.migrated.v1": _CUSTOMER,
    "uk.psr.account.closed.v1": {"closed_on": "2026-10-05"},
    "uk.psr.account.moved_home.v1": _MOVE,
    "uk.psr.account.supply_gained.v1": {"supply_points": {"mpans": ["1200999001212"]}},
    "uk.psr.account.supply_lost.v1": {"supply_points": {"mpans": ["1200999001212"]}},
    "uk.psr.customer.deceased.v1": {"account_continues": True},
    "uk.psr.customer.contact_attempted.v1": {
        "work": "review",
        "due_on": "2026-10-01",
        "channel": "phone",
        "outcome": "no_answer",
        "by": "agent-17",
    },
    "uk.psr.export.part.v1": {
        "day": "2026-10-01",
        "revision": 1,
        "recipient": "EELC",
        "part": 1,
        "slot": "2026-10-02T01:05:00Z",
    },
}

_PAGE = """# Events

Made from the models in `shared/messages/`. `nox -s docs` writes this page.

Every message is a [CloudEvent 1.0](https://github.com/cloudevents/spec) in JSON, structured mode: the whole event is the
data of the Pub/Sub message. Attributes of the Pub/Sub message are free; `traceparent` joins your trace to ours.

{table}

`uk.psr.export.part.v1` is the export's own work message. It is listed here because it uses a topic too.

## Attributes

| Attribute | Meaning |
| --- | --- |
| `source` + `id` | Identify the event. You can publish the same event any number of times; another event under the same id is refused |
| `time` | Orders the fact among all facts about the account, also those over HTTP. At most 5 minutes ahead of our clock, not before 1900 |
| `subject` | The account. In a migrated customer it must equal `data.account_id` |
| other attributes | Extension attributes are allowed and ignored. Fields of `data` that the schema does not have are refused |

## Order and repetition

Publish in any order, as often as you like. A fact changes those aspects of a registration (people and needs, premises,
lawful basis, status, each supply point) that hold an older fact, and leaves the others, so it never overwrites newer data.
An event about an account that has no registration yet is parked and retried until it applies. An event that states
a supply point as the account's own while another registration holds it applies everything else at once, and is parked until
the other registration has released the supply point. If the account is not registered yet, the whole event
waits. An event that arrives up to a minute before its registration applies within about a minute of it. The longer an event
waits, the less often it is retried, at least every six hours.

`contact_attempted` adds an attempt to those that the register knows, in any order. A review that is confirmed moves the next one,
unless a newer fact confirmed the review or asked for one.

`account.closed` with a `closed_on` after the London day of its `time` announces the account's last day: the registration ends
after that day. A later announcement replaces it.

| Outcome | Condition | Your action |
| --- | --- | --- |
| applied | the event has changed the registration | none |
| stale, superseded | the register has a newer fact (of the same source, of another source) | none |
| parked | the event needs a registration, or the release of a supply point, that has not happened yet | none; after {parked_days} days an operator looks at it |
| failed | it can never apply as it is: not JSON, not the schema, unknown code or type, id used again, a rule of the API (a date in the future, more than 20 supply points of a fuel) | publish a corrected event under a new id |

Operators list failed messages with `psr quarantine list`. A need can have the old platform's word as `legacy` instead of a
J1699 `code`. `shared/data/legacy_needs.csv` maps these words. To fix a missing word, add it there, then replay the failed
messages.
"""


def event_pages() -> dict[str, str]:
    """Text by place in docs/."""
    pages = {"events/README.md": _page()}
    for model in TOPICS:
        pages[f"events/{type_of(model)}.schema.json"] = _text(schema_of(model))
        pages[f"events/examples/{type_of(model)}.json"] = _text(example_of(model))
    return pages


def type_of(model: type[CloudEvent]) -> str:
    """The value of an event's `type`."""
    return model.event_type()


def example_of(model: type[CloudEvent]) -> Json:
    """A whole event."""
    name = type_of(model)
    return {
        "specversion": "1.0",
        "type": name,
        "source": "//accounts.example",
        "id": f"example-{name}",
        "time": "2026-10-01T09:00:00Z" if model is CustomerMigrated else "2026-10-02T09:00:00Z",
        "subject": "A-1000001",
        "data": _EXAMPLES[name],
    }


def schema_of(model: type[CloudEvent]) -> Json:
    """JSON Schema 2020-12 of what is taken."""
    schema = model.model_json_schema(schema_generator=Untitled)
    definitions = schema["$defs"]
    if model is CustomerMigrated:
        need = definitions["NeedInput"]
        word = {"type": "string", "minLength": 1, "description": "The old platform's word for the need"}
        fields = {"legacy": word, **{name: field for name, field in need["properties"].items() if name != "code"}}
        definitions["LegacyNeed"] = {**need, "properties": fields, "required": ["legacy"]}
        definitions["LegacyNeed"]["description"] = "A need in the old platform's words, mapped by the consumer."
        needs = definitions["RegistrationInput"]["properties"]["needs"]
        needs["items"] = {"anyOf": [{"$ref": "#/$defs/NeedInput"}, {"$ref": "#/$defs/LegacyNeed"}]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": type_of(model)}


def _page() -> str:
    rows = [
        f"| `{type_of(model)}` | `{topic}` | {' '.join((model.__doc__ or '').split())} "
        f"| [schema]({type_of(model)}.schema.json), [example](examples/{type_of(model)}.json) |"
        for model, topic in TOPICS.items()
    ]
    table = "\n".join(["| Type | Topic | Says | Form |", "| --- | --- | --- | --- |", *rows])
    return _PAGE.format(table=table, parked_days=Settings.model_fields["parked_days"].default)


def _text(value: Json) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
