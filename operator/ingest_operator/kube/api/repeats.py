"""Which requests are sent again, and after which wait."""

from http import HTTPStatus
from typing import Final

from aiohttp import ClientConnectionError, ClientResponse
from aiohttp_retry import ExponentialRetry

from ingest_operator.kube.api.errors import seconds_of

REPEATS: Final = 3
"""How often a GET, PUT or DELETE is sent at most."""

LONGEST_WAIT_SECONDS: Final = 5.0
"""Seconds that a request waits at most before it is sent again. If the server wants a longer wait, the caller
has to wait: it sees `retry_after`."""


class Repeats(ExponentialRetry):
    """When a request that may be sent twice is sent again, and after which wait."""

    def __init__(self) -> None:
        super().__init__(
            attempts=REPEATS,
            start_timeout=0.1,
            max_timeout=LONGEST_WAIT_SECONDS,
            exceptions={ClientConnectionError},
            retry_all_server_errors=False,
            evaluate_response_callback=_stands,
        )

    def get_timeout(self, attempt: int, response: ClientResponse | None = None) -> float:
        """Our wait, or the server's if that is longer."""
        ours: float = super().get_timeout(attempt)
        return ours if response is None else max(ours, _asked_wait(response))


async def _stands(response: ClientResponse) -> bool:
    """Whether an answer is final. An answer of a server that is busy or broken for the moment is not, if the
    request is soon sent again."""
    passing = (
        response.status == HTTPStatus.TOO_MANY_REQUESTS or response.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    )
    return not passing or _asked_wait(response) > LONGEST_WAIT_SECONDS


def _asked_wait(response: ClientResponse) -> float:
    return seconds_of(response.headers.get("Retry-After")) or 0.0
