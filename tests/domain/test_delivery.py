"""Deliveries of Pub/Sub messages."""

import pytest

from shared.domain.delivery import Delivery, before_dead_letter
from tests.support.registrations import moment

DEAD = "CloudPubSubDeadLetterSource"
DELIVERY = Delivery(
    topic="dead-letters",
    subscription="quarantine",
    message_id="1",
    publish_time=moment().now,
    attributes={},
    data=b"{}",
    delivery_attempt=2,
)


def test_a_dead_letter_is_shown_as_it_was_on_its_subscription() -> None:
    attributes = {
        "traceparent": "t",
        f"{DEAD}DeliveryCount": "5",
        f"{DEAD}Subscription": "consume-account-events",
        f"{DEAD}SubscriptionProject": "p",
    }
    assert before_dead_letter(DELIVERY._replace(attributes=attributes)) == DELIVERY._replace(
        topic=None, subscription="consume-account-events", attributes={"traceparent": "t"}, delivery_attempt=5
    )


@pytest.mark.parametrize("attributes", [{}, {f"{DEAD}DeliveryCount": "many"}, {f"{DEAD}DeliveryCount": ""}])
def test_a_dead_letter_without_its_past_keeps_its_subscription_and_counts_one_attempt(
    attributes: dict[str, str],
) -> None:
    assert before_dead_letter(DELIVERY._replace(attributes=attributes)) == DELIVERY._replace(
        topic=None, delivery_attempt=1
    )
