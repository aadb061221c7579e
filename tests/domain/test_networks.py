"""The content of a day's file for a supply point: by what the network had, and what it should have."""

from datetime import date

import pytest

from shared.domain.networks import NetworkState, Send, after_change, after_supply_lost, taken_over, to_send

SATURDAY, SUNDAY, MONDAY = date(2026, 11, 21), date(2026, 11, 22), date(2026, 11, 23)


@pytest.mark.parametrize(
    ("steps", "sent"),
    [
        pytest.param([(MONDAY, True)], Send.SET, id="sent first"),
        pytest.param([(MONDAY, True), (MONDAY, True)], Send.SET, id="sent twice in a day"),
        pytest.param([(MONDAY, True), (MONDAY, False)], Send.NOTHING, id="sent and taken back before any file"),
        pytest.param([(SATURDAY, True), (MONDAY, False)], Send.DELETE, id="taken back on a later day"),
        pytest.param([(SATURDAY, True), (MONDAY, False), (MONDAY, True)], Send.SET, id="… and sent again that day"),
        pytest.param(
            [(SATURDAY, True), (MONDAY, False), (MONDAY, True), (MONDAY, False)], Send.DELETE, id="… and taken back"
        ),
        pytest.param([(SATURDAY, True), (SUNDAY, False), (MONDAY, False)], Send.NOTHING, id="deleted the day before"),
        pytest.param([(MONDAY, False)], Send.NOTHING, id="never ours: a delete could remove its own data"),
        pytest.param([(SATURDAY, False), (MONDAY, True)], Send.SET, id="withheld first, sent later"),
        pytest.param(
            [(SATURDAY, True), (SUNDAY, True), (SUNDAY, False), (MONDAY, False)], Send.NOTHING, id="deleted by Sunday"
        ),
    ],
)
def test_the_file_makes_the_network_right(steps: list[tuple[date, bool]], sent: Send) -> None:
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


def test_a_supply_point_that_comes_back_on_the_day_of_its_loss_is_ours_to_delete_again() -> None:
    lost = after_supply_lost(HAD, MONDAY)
    back = after_change(lost, MONDAY, wants=True)
    assert to_send(back) is Send.SET
    assert to_send(after_change(back, MONDAY, wants=False)) is Send.DELETE, "the network still has what it had"
    assert to_send(after_change(lost, MONDAY, wants=False)) is Send.DELETE, "ours again, but withheld"


def test_a_supply_point_that_comes_back_on_a_later_day_is_new_to_the_network() -> None:
    lost = after_supply_lost(HAD, SUNDAY)
    assert to_send(after_change(lost, MONDAY, wants=False)) is Send.NOTHING
    back = after_change(lost, MONDAY, wants=True)
    assert to_send(after_change(back, MONDAY, wants=False)) is Send.NOTHING


def view(
    day: date = MONDAY, *, had: bool = True, wants: bool = True, had_of: str | None = None, lost: bool = False
) -> NetworkState:
    return NetworkState(day=day, had=had, wants=wants, had_of=had_of, lost=lost)


@pytest.mark.parametrize(
    ("before", "wants", "after"),
    [
        pytest.param(None, True, view(had=False), id="no view yet"),
        pytest.param(view(SATURDAY, had=False, wants=True), False, view(wants=False), id="an earlier day sent it"),
        pytest.param(view(SATURDAY, wants=False), True, view(had=False), id="an earlier day deleted it"),
        pytest.param(view(SATURDAY, had_of="a", lost=True), True, view(), id="an earlier day's loss is over"),
        pytest.param(view(had_of="a"), False, view(wants=False, had_of="a"), id="this day, of another's data"),
        pytest.param(view(lost=True), True, view(), id="this day's loss is undone"),
        pytest.param(
            view(had_of="a", lost=True),
            True,
            view(had_of="a", lost=True),
            id="this day's loss of a former holder stays",
        ),
    ],
)
def test_a_change_moves_the_view(before: NetworkState | None, after: NetworkState, *, wants: bool) -> None:
    assert after_change(before, MONDAY, wants=wants) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(None, view(had=False, wants=False, lost=True), id="no view yet"),
        pytest.param(view(SATURDAY), view(wants=False, lost=True), id="it had the holder's data"),
        pytest.param(view(had_of="a"), view(wants=False, had_of="a"), id="it had a former holder's data"),
        pytest.param(
            view(had_of="a", lost=True),
            view(wants=False, had_of="a", lost=True),
            id="it had data of a former holder that lost it",
        ),
        pytest.param(view(lost=True), view(wants=False, lost=True), id="lost before on this day"),
    ],
)
def test_a_loss_moves_the_view(before: NetworkState | None, after: NetworkState) -> None:
    assert after_supply_lost(before, MONDAY) == after


@pytest.mark.parametrize(
    ("had_of", "former", "expected"),
    [
        pytest.param(None, "former", "former", id="of the registration that released it"),
        pytest.param(None, None, None, id="of nobody known"),
        pytest.param("earlier", "former", "earlier", id="of one before that"),
        pytest.param("holder", "former", None, id="of the holder itself"),
        pytest.param(None, "holder", None, id="released and taken again"),
    ],
)
def test_the_new_holder_knows_whose_data_the_network_had(
    had_of: str | None, former: str | None, expected: str | None
) -> None:
    assert taken_over(view(had_of=had_of), former, "holder") == view(had_of=expected)


@pytest.mark.parametrize(
    ("state", "sent"),
    [
        (view(had=False, wants=True), Send.SET),
        (view(wants=True, lost=True), Send.SET),
        (view(wants=False), Send.DELETE),
        (view(wants=False, had_of="a"), Send.DELETE),
        (view(wants=False, lost=True), Send.NOTHING),
        (view(had=False, wants=False), Send.NOTHING),
    ],
)
def test_a_file_deletes_only_our_data_that_is_not_lost(state: NetworkState, sent: Send) -> None:
    assert to_send(state) is sent
