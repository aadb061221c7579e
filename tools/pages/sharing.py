"""docs/sharing.md: the sharing record, with its rules and wordings from the code and the table."""

from collections.abc import Iterable

from shared.domain.sharing_rules import LAWFUL, PROVEN, Rule
from shared.domain.wordings import wordings
from shared.field_errors import field_error

_HEAD = """\
# The sharing record

Made from `shared/domain/sharing_rules.py` and `shared/data/wordings.csv`. `nox -s docs` writes this page.

`sharing` of a registration says on which basis needs are shared with the networks, and proves it. D0225 carries one flag (J2208); the
law asks for more:

| Field | Content |
| --- | --- |
| `basis` | the Article 9 condition, since needs reveal something about health; `none`: nothing is shared |
| `article_6_basis` | the Article 6 basis; `not_recorded` only where an old platform did not know it |
| `schedule_1_paragraph` | with `substantial_public_interest`: paragraph 18 or 19 of Schedule 1, Part 2, of the Data Protection Act 2018 |
| `cannot_consent_reason` | with `vital_interests`: why the person cannot consent. Without it nothing is shared on vital interests |
| `recorded_on`, `evidence` | the London day of the record, and where its proof is |
| `capture` | when it was captured, by which member of staff or system, through which channel, who spoke, and the wording |
| `withdrawn` | when, how and by which staff or system sharing was ended; `objection` to a basis other than consent |

A row of `recipients.csv` names the combinations that allow sharing: `explicit_consent` with every Article 6 basis,
`consent+explicit_consent` with this one only.

**Read it** with `GET /v1/registrations/{registration_id}/sharing` (scope `psr:history`): each record with its wording, its capture,
from when until when it was the registration's, and which recipients it allowed in that time. `psr subject export` adds the data that
each network was sent, on which basis, in the last 90 days.

**Change it** by a merge patch. A new basis needs a new `capture`: the old one proves the old basis. **Withdraw it** with
`{"sharing": {"withdrawn": {...}}}`: the next file asks every recipient to delete the data. The customer stays on the register. To
share again after that, send a new `capture` with `"withdrawn": null`.

**Records of before.** Registrations and messages without the newer fields stay as they are, and say `not_recorded`: the register
guesses nothing. `psr needs unproven` lists them for review. A caller cannot register or change one without the missing fields.

"""


def sharing_page() -> str:
    """The page."""
    lines = [_HEAD, "## Rules\n", *_rules("Every record", LAWFUL)]
    lines += _rules("A record from a caller, and a message that says more than an old platform knew", PROVEN)
    lines += ["## Wordings\n\nA wording never changes: a new one is a new version.\n"]
    lines += ["| Version | Language | From | Text |\n| --- | --- | --- | --- |"]
    lines += [f"| {one.version} | {one.language} | {one.valid_from} | {one.text} |" for one in wordings()]
    return "\n".join(lines) + "\n"


def _rules(title: str, rules: Iterable[Rule]) -> Iterable[str]:
    yield f"{title}:\n\n| Code | Field | What to do | Source |\n| --- | --- | --- | --- |"
    yield from (
        f"| `{rule.code}` | `/sharing{rule.pointer}` | {field_error(rule.pointer, rule.code).detail} | {rule.source} |"
        for rule in rules
    )
    yield ""
