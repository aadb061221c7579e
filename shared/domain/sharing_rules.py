"""The rules that the law and good evidence set for a sharing record: one row a rule, with its code, source and test."""

from collections.abc import Callable
from datetime import date
from typing import NamedTuple

from shared.clock import london_day
from shared.domain.sharing import Article6Basis, Article9Condition, Sharing, SpeakerRole
from shared.domain.wordings import wording
from shared.errors import FieldError
from shared.field_errors import field_error

#: The Data (Use and Access) Act 2025 (section 70; SI 2026/82) came into force.
RECOGNISED_INTERESTS_FROM = date(2026, 2, 5)

_CONSENT = (Article6Basis.CONSENT, Article9Condition.EXPLICIT_CONSENT)
_MAY_CONSENT = (SpeakerRole.SELF, SpeakerRole.ATTORNEY)


class Rule(NamedTuple):
    """A rule: the field that breaks it, where the rule comes from, and whether a record breaks it."""

    code: str
    pointer: str
    source: str
    broken: Callable[[Sharing], bool]


def _shares(sharing: Sharing) -> bool:
    return sharing.basis is not Article9Condition.NONE


def _rests_on_consent(sharing: Sharing) -> bool:
    return _shares(sharing) and (sharing.article_6_basis in _CONSENT or sharing.basis in _CONSENT)


def _rests_on_vital_interests(sharing: Sharing) -> bool:
    return _shares(sharing) and sharing.rests_on_vital_interests


def _needs_paragraph(sharing: Sharing) -> bool:
    return sharing.basis is Article9Condition.SUBSTANTIAL_PUBLIC_INTEREST


def _from_nobody_who_may_consent(sharing: Sharing) -> bool:
    capture = sharing.capture
    return _rests_on_consent(sharing) and capture is not None and capture.speaker.role not in _MAY_CONSENT


def _speaker_unnamed(sharing: Sharing) -> bool:
    speaker = sharing.capture.speaker if sharing.capture else None
    return speaker is not None and speaker.role is not SpeakerRole.SELF and speaker.name is None


def _referrer_without_organisation(sharing: Sharing) -> bool:
    speaker = sharing.capture.speaker if sharing.capture else None
    return speaker is not None and speaker.role is SpeakerRole.REFERRER and speaker.organisation is None


def _wording_unknown(sharing: Sharing) -> bool:
    reference = sharing.capture.wording if sharing.capture else None
    return reference is not None and wording(reference) is None


def _wording_too_new(sharing: Sharing) -> bool:
    capture = sharing.capture
    used = wording(capture.wording) if capture and capture.wording else None
    return capture is not None and used is not None and used.valid_from > london_day(capture.captured_at)


def _basis_too_new(sharing: Sharing) -> bool:
    recognised = sharing.article_6_basis is Article6Basis.RECOGNISED_LEGITIMATE_INTERESTS
    return recognised and sharing.recorded_on < RECOGNISED_INTERESTS_FROM


def _captured_after_recorded(sharing: Sharing) -> bool:
    return sharing.capture is not None and london_day(sharing.capture.captured_at) > sharing.recorded_on


def _withdrawn_before_captured(sharing: Sharing) -> bool:
    capture, withdrawn = sharing.capture, sharing.withdrawn
    return capture is not None and withdrawn is not None and withdrawn.withdrawn_at < capture.captured_at


#: Of every record.
LAWFUL = (
    Rule(
        "sharing_paragraph_unexpected",
        "/schedule_1_paragraph",
        "Data Protection Act 2018 s.10(3)",
        lambda sharing: sharing.schedule_1_paragraph is not None and not _needs_paragraph(sharing),
    ),
    Rule(
        "sharing_basis_not_in_force",
        "/article_6_basis",
        "Data (Use and Access) Act 2025 s.70, SI 2026/82",
        _basis_too_new,
    ),
    Rule(
        "sharing_consent_and_vital_interests",
        "/basis",
        "UK GDPR Article 9(2)(c)",
        lambda sharing: _rests_on_consent(sharing) and _rests_on_vital_interests(sharing),
    ),
    Rule(
        "sharing_reason_unexpected",
        "/cannot_consent_reason",
        "UK GDPR Article 9(2)(c)",
        lambda sharing: sharing.cannot_consent_reason is not None and not sharing.rests_on_vital_interests,
    ),
    Rule(
        "sharing_speaker_may_not_consent",
        "/capture/speaker/role",
        "UK GDPR Article 4(11)",
        _from_nobody_who_may_consent,
    ),
    Rule(
        "sharing_speaker_unnamed",
        "/capture/speaker/name",
        "UK GDPR Article 5(2)",
        _speaker_unnamed,
    ),
    Rule(
        "sharing_organisation_missing",
        "/capture/speaker/organisation",
        "UK GDPR Article 5(2)",
        _referrer_without_organisation,
    ),
    Rule(
        "sharing_wording_unknown",
        "/capture/wording",
        "UK GDPR Article 7(1)",
        _wording_unknown,
    ),
    Rule(
        "sharing_wording_not_valid_yet",
        "/capture/wording",
        "UK GDPR Article 7(1)",
        _wording_too_new,
    ),
    Rule(
        "sharing_captured_later",
        "/capture/captured_at",
        "UK GDPR Article 5(1)(d)",
        _captured_after_recorded,
    ),
    Rule(
        "sharing_withdrawn_earlier",
        "/withdrawn/withdrawn_at",
        "UK GDPR Article 7(3)",
        _withdrawn_before_captured,
    ),
)

#: Of every record that says more than old platforms knew, and of every one from a caller. A withdrawal is exempt: what
#: the record lacks does not keep anybody from stopping the sharing.
PROVEN = (
    Rule(
        "sharing_article_6_missing",
        "/article_6_basis",
        "UK GDPR Article 6(1)",
        lambda sharing: _shares(sharing) and sharing.article_6_basis is Article6Basis.NOT_RECORDED,
    ),
    Rule(
        "sharing_paragraph_missing",
        "/schedule_1_paragraph",
        "Data Protection Act 2018 s.10(3)",
        lambda sharing: _needs_paragraph(sharing) and sharing.schedule_1_paragraph is None,
    ),
    Rule(
        "sharing_reason_missing",
        "/cannot_consent_reason",
        "UK GDPR Article 9(2)(c)",
        lambda sharing: (
            _rests_on_vital_interests(sharing) and _shares(sharing) and sharing.cannot_consent_reason is None
        ),
    ),
    Rule(
        "sharing_capture_missing",
        "/capture",
        "UK GDPR Article 5(2)",
        lambda sharing: _shares(sharing) and sharing.capture is None,
    ),
    Rule(
        "sharing_wording_missing",
        "/capture/wording",
        "UK GDPR Article 7(1)",
        lambda sharing: _rests_on_consent(sharing) and sharing.capture is not None and sharing.capture.wording is None,
    ),
)


def sharing_errors(sharing: Sharing, before: Sharing | None, day: date, *, from_caller: bool) -> list[FieldError]:
    """The errors of a sharing record that breaks a rule on a day. A record that is as it was `before` has none.

    Records that do not come `from_caller` may be `not_recorded`, and are reviewed.
    """
    if sharing == before:
        return []
    errors = _in_future(sharing, before, day)
    errors += [_error(rule) for rule in LAWFUL if rule.broken(sharing)]
    if sharing.withdrawn is None and (from_caller or not _as_old_platforms_say_it(sharing)):
        errors += [_error(rule) for rule in PROVEN if rule.broken(sharing)]
    if before is not None and _shares_again_by_the_same_capture(sharing, before):
        errors.append(field_error("/sharing/capture", "sharing_capture_unchanged"))
    return errors


def _in_future(sharing: Sharing, before: Sharing | None, day: date) -> list[FieldError]:
    """The errors of a record with a new date after `day`; empty if there is none."""
    new_date = before is None or sharing.recorded_on != before.recorded_on
    dates = {"/sharing/recorded_on": sharing.recorded_on} if new_date else {}
    if sharing.withdrawn:
        dates["/sharing/withdrawn/withdrawn_at"] = london_day(sharing.withdrawn.withdrawn_at)
    return [field_error(pointer, "date_in_future") for pointer, on in dates.items() if on > day]


def _error(rule: Rule) -> FieldError:
    return field_error(f"/sharing{rule.pointer}", rule.code)


def _as_old_platforms_say_it(sharing: Sharing) -> bool:
    return sharing.article_6_basis is Article6Basis.NOT_RECORDED and sharing.capture is None


def _shares_again_by_the_same_capture(sharing: Sharing, before: Sharing) -> bool:
    """A capture is the proof of one basis until it is withdrawn. Amending only the basis, or only removing the
    withdrawal, would make it the proof of another agreement.
    """
    if sharing.capture is None or sharing.capture != before.capture or not _shares(sharing):
        return False
    other_ground = (sharing.basis, sharing.article_6_basis) != (before.basis, before.article_6_basis)
    return other_ground or (before.withdrawn is not None and sharing.withdrawn is None)
