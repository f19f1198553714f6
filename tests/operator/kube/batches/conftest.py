"""What more than one of these tests needs."""

from collections.abc import Iterator

import pytest

from testkit.cluster.receiver import Receiver, receiving


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made
