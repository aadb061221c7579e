"""What a day's file says of a supply point: from what the network had, and what it should have."""

from datetime import date

import pytest

from shared.domain.networks import NetworkState, Send, after_change, after_supply_lost, to_send

SATURDAY, SUNDAY, MONDAY = date(2026, 11, 21), date(2026, 11, 22), date(2026, 11, 23)


@pytest.mark.parametrize(
    ("steps", "sent"),
    [
        pytest.param([(MONDAY, True)], Send.SET, id="first told"),
        pytest.param([(MONDAY, True), (MONDAY, True)], Send.SET, id="told twice in a day"),
        pytest.param([(MONDAY, True), (MONDAY, False)], Send.NOTHING, id="told and taken back before any file"),
        pytest.param([(SATURDAY, True), (MONDAY, False)], Send.DELETE, id="taken back on a later day"),
        pytest.param([(SATURDAY, True), (MONDAY, False), (MONDAY, True)], Send.SET, id="… and told again that day"),
        pytest.param(
            [(SATURDAY, True), (MONDAY, False), (MONDAY, True), (MONDAY, False)], Send.DELETE, id="… and taken back"
        ),
        pytest.param([(SATURDAY, True), (SUNDAY, False), (MONDAY, False)], Send.NOTHING, id="deleted the day before"),
        pytest.param([(MONDAY, False)], Send.NOTHING, id="never ours: a delete could wipe what it learnt directly"),
        pytest.param([(SATURDAY, False), (MONDAY, True)], Send.SET, id="withheld first, told later"),
        pytest.param(
            [(SATURDAY, True), (SUNDAY, True), (SUNDAY, False), (MONDAY, False)], Send.NOTHING, id="deleted by Sunday"
        ),
    ],
)
def test_the_file_says_what_makes_the_network_right(steps: list[tuple[date, bool]], sent: Send) -> None:
    state: NetworkState | None = None
    for day, wants in steps:
        state = after_change(state, day, wants=wants)
    assert state is not None
    assert to_send(state) is sent


HAD = after_change(None, SATURDAY, wants=True)


def test_a_lost_supply_point_is_never_deleted_by_us() -> None:
    lost = after_supply_lost(HAD, MONDAY)
    assert to_send(lost) is Send.NOTHING
    assert to_send(after_supply_lost(lost, MONDAY)) is Send.NOTHING
    assert to_send(after_supply_lost(None, MONDAY)) is Send.NOTHING


def test_a_supply_point_that_is_released_and_lost_on_one_day_is_never_deleted_by_us() -> None:
    released = after_change(HAD, MONDAY, wants=False)
    assert to_send(released) is Send.DELETE
    assert to_send(after_supply_lost(released, MONDAY)) is Send.NOTHING


def test_what_comes_back_on_the_day_of_its_loss_is_ours_to_delete_again() -> None:
    lost = after_supply_lost(HAD, MONDAY)
    back = after_change(lost, MONDAY, wants=True)
    assert to_send(back) is Send.SET
    assert to_send(after_change(back, MONDAY, wants=False)) is Send.DELETE, "the network still has what it had"
    assert to_send(after_change(lost, MONDAY, wants=False)) is Send.DELETE, "ours again, but withheld"


def test_what_comes_back_on_a_later_day_is_new_to_the_network() -> None:
    lost = after_supply_lost(HAD, SUNDAY)
    assert to_send(after_change(lost, MONDAY, wants=False)) is Send.NOTHING
    back = after_change(lost, MONDAY, wants=True)
    assert to_send(after_change(back, MONDAY, wants=False)) is Send.NOTHING
