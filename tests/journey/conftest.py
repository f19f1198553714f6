"""Fixtures of the tests that go the whole way."""

from tests.support.journey import ctl

__all__ = ["ctl"]
