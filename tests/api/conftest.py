"""Callers of every kind, at the functions' real servers."""

import pytest

from tests.support.proxied_stack import ProxiedStack
from tools.api_client import ALL_SCOPES, Caller
from tools.local.stack import Stack


@pytest.fixture(scope="session")
def agent(stack: Stack) -> Caller:
    """An agent with every scope there is."""
    return Caller(stack, "agent", scope=ALL_SCOPES)


@pytest.fixture(scope="session")
def proxied_agent(proxied: ProxiedStack) -> Caller:
    """The same, at the functions whose calls to Firestore are counted and can be broken."""
    return Caller(proxied.stack, "agent", scope=ALL_SCOPES)
