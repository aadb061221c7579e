"""docs/protections.md: every rule about protections with its source, from `shared/data/protections.yaml`."""

from collections.abc import Iterator

from shared.domain.household import AgeBand, CircumstanceKind
from shared.domain.protection_rules import Answer, Rule, answers

_HEAD = """# Protections

Made from `shared/data/protections.yaml`. `nox -s docs` writes this page.

A registration has needs codes and facts about the household. Suppliers' systems need answers: may a prepayment meter be
fitted here? `protections` in an answer of the API has them. They are an aid for a decision that a person takes, and never the
decision: the register knows only what it was sent.

- The service computes protections when somebody reads a registration, by the rules that are in force on that London day (`on`). It
  never stores them. The answer to a change has those of the day of the change, also if the request is repeated later.
- Agents, back ends and the account's customer get them. Networks do not: they get no facts about the household.
- Answers about one registration have `why`, a sentence in English and Welsh to read out to the customer. In answers about many
  registrations `why` is null. Have the Welsh checked by a translator before agents use it.

## Missing facts

Every condition holds, does not hold, or is not known. The rules of an answer are ordered by the strength of their outcomes, as the
tables below list them. The strongest outcome with a rule that holds decides. If a rule with a stronger outcome is not known, the
answer is `cannot_determine`, and `missing` names the facts to ask for as JSON Pointers into the registration. So a missing fact
never makes an answer weaker. `cannot_determine` never means that something is allowed.

- The needs of a pending registration are not known. An active registration has the needs that it lists and no others. From the day
  after its last need ends, its needs are not known.
- A registration that is withdrawn or ended has `cannot_determine` for each answer: nobody keeps its facts up to date.
- `occupants` is everybody who lives there. A list that leaves somebody out gives wrong answers: leave it out instead.
- An age is a birth year, or a band with the day on which it was right (`as_of`), so it is an interval later. If a limit of age is
  inside the interval, the condition is not known, and `missing` names the occupant. Send the age band of today.
- Code 29 has the birth date of the youngest child, which decides exactly. If it and `occupants` contradict each other, there is such
  a child.
- A fact of the household and a needs code can say the same. One yes is enough.
- Facts stay until somebody sends others. After a move or a death the household is another one: send its facts at the review, or remove
  `household` until they are known.

## Facts

All of them are optional in `household` of a registration. Health facts are special category data ([privacy](privacy.md)).

| Fact | Meaning |
| --- | --- |
| `occupants` | Everybody who lives there: `birth_year`, or `age_band` ({bands}) with `as_of`; and `disabled_or_ill` |
| `supported` | Somebody supports the occupants in the home |
| `can_top_up` | Somebody can reach, operate and top up a prepayment meter |
| `chronic_or_severe_illness` | Somebody has a chronic, severe or terminal illness |
| `warm_home_dependency` | Somebody's health depends on a warm home |
| `temporary_circumstances` | {kinds}, each to its last day `until`; an empty list if there are none |
| `owns_home` | The customer owns the home |
| `means_tested_benefit` | The customer gets a means-tested benefit |

**Pregnancy** has no J1699 code. Record it as a temporary circumstance. If the registration has no other need, record code 32 (life
changes) as well, with the same last day: it is the nearest code, it makes the registration active, and networks get it.

## Rules

`tests/domain/test_protections.py` has a case for each rule by its name: a household to which it applies, each fact without which it
cannot be decided, each limit of age, and its first and last day. Sources are cited as they were read in 2026-11. Check the text that
is in force before you rely on a rule.
"""


def protections_page() -> str:
    """The page."""
    sections = [line for name, answer in answers().items() for line in _section(name, answer)]
    bands = ", ".join(f"`{band.value}`" for band in AgeBand)
    kinds = ", ".join(f"`{kind.value}`" for kind in CircumstanceKind)
    return _HEAD.format(bands=bands, kinds=kinds) + "\n".join(sections) + "\n"


def _section(name: str, answer: Answer) -> Iterator[str]:
    yield from ("", f"### `{name}`", "", answer.question, "")
    yield from ("| Outcome, the strongest first | To read out | In Welsh |", "| --- | --- | --- |")
    for outcome, why in answer.outcomes.items():
        yield f"| `{outcome}` | {why.en} | {why.cy} |"
    yield from ("", "| Rule | Applies if | Outcome | In force | Source |", "| --- | --- | --- | --- | --- |")
    for rule in answer.rules:
        yield f"| `{rule.id}` | {rule.about} | `{rule.outcome}` | {_dates(rule)} | {rule.source} |"


def _dates(rule: Rule) -> str:
    return f"from {rule.valid_from}" + (f" to {rule.valid_until}" if rule.valid_until else "")
