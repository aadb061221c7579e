"""Fixtures for tests of data that earlier releases wrote."""

from tests.export.conftest import world

__all__ = ["world"]
