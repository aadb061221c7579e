"""Keyed ids: computed from a number, and revealing nothing without the key."""

import uuid
from collections import Counter

from shared.domain.registration import AccountId
from shared.store.identity import Identity

ONE, OTHER = Identity(bytes(32), 0), Identity(bytes(31) + b"\x01", 0)


def test_an_id_is_a_version_8_uuid_and_always_the_same() -> None:
    made = ONE.registration_id(AccountId("A-1000001"))
    assert made == Identity(bytes(32), 0).registration_id(AccountId("A-1000001"))
    assert (uuid.UUID(made).version, uuid.UUID(made).variant) == (8, uuid.RFC_4122)


def test_another_account_key_or_purpose_makes_another_id() -> None:
    ids = {
        ONE.registration_id(AccountId("A-1000001")),
        ONE.registration_id(AccountId("A-1000002")),
        OTHER.registration_id(AccountId("A-1000001")),
        ONE.supply_point_id("A-1000001"),
    }
    assert len(ids) == 4
    assert ONE.page_tokens not in (OTHER.page_tokens, bytes(32))


def test_the_key_version_is_one_bit_of_the_id() -> None:
    old = uuid.UUID(ONE.registration_id(AccountId("A"))).bytes
    new = uuid.UUID(Identity(bytes(32), 1).registration_id(AccountId("A"))).bytes
    assert (old[8] & 1, new[8] & 1) == (0, 1)
    assert {i for i in range(16) if old[i] != new[i]} <= {8}


def test_sequential_accounts_spread_over_the_whole_range() -> None:
    first = Counter(ONE.registration_id(AccountId(f"A-{n:07d}"))[0] for n in range(1600))
    assert set(first) == set("0123456789abcdef")
    assert max(first.values()) < 160
