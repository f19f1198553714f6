"""A receiver of webhooks on the loopback, which answers as it is told, and checks signatures and events with
the libraries that receivers have: `standardwebhooks` and `cloudevents`."""

import asyncio
import threading
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Final

import standardwebhooks.webhooks
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from typing_extensions import override

from ingest_operator.kube.telemetry.webhook import Webhook
from testkit.cluster.program import until
from testkit.web_server import listening

KEY: Final = "whsec_" + b64encode(b"a key of twenty-eight bytes.").decode()
PATH: Final = "/hooks/T0K3N-in-the-address"


@dataclass
class Receiver:
    """What came, in order."""

    answers: list[int] = field(default_factory=list)
    """The statuses of the next answers; then 204."""
    held: threading.Event = field(default_factory=threading.Event)
    """Set: requests are answered. Unset, they wait."""
    key: str = KEY
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    def __post_init__(self) -> None:
        self.held.set()

    @property
    def events(self) -> list[Any]:
        """The events, each with its signature checked; raises if one is wrong."""
        return [read(headers, body, self.key) for headers, body in self.requests]

    @property
    def summaries(self) -> list[tuple[str, str, str]]:
        """(id, type, reason) of every event that came, repetitions included."""
        return [
            (each.get_id(), each.get_type().rpartition(".")[2], each.get_data()["reason"])
            for each in self.events
        ]

    def came(self, number: int) -> None:
        """Wait until there were so many requests, answered or not."""
        until(lambda: len(self.requests) >= number, f"{number} requests")

    def folder(self, parent: Path) -> Path:
        """Address and key as the chart mounts them."""
        folder = parent / "webhook"
        folder.mkdir(exist_ok=True)
        (folder / "url").write_text(self.url + "\n", encoding="utf-8")
        (folder / "key").write_text(self.key + "\n", encoding="utf-8")
        return folder


async def attempted(webhook: Webhook, identities: Iterable[str]) -> dict[str, str]:
    """The outcomes of an attempt for each of these events, as soon as they are there."""
    wanted = list(identities)
    for _ in range(6000):
        if len(found := webhook.problems(wanted)) == len(wanted):
            return found
        await asyncio.sleep(0.005)
    raise TimeoutError("an attempt does not end")


def read(headers: dict[str, str], body: bytes, key: str) -> Any:
    """The event of a request, as a receiver reads it."""
    standardwebhooks.webhooks.Webhook(key).verify(body, headers)
    return from_http_event(HTTPMessage(headers, body))


@contextmanager
def receiving(answers: Sequence[int] = ()) -> Iterator[Receiver]:
    """A receiver while the block runs."""
    receiver = Receiver(list(answers))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.requests.append(({name.lower(): text for name, text in self.headers.items()}, body))
            receiver.held.wait(30)
            status = receiver.answers.pop(0) if receiver.answers else 204
            self.send_response(status)
            if status // 100 == 3:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    with listening(Handler) as port:
        receiver.url = f"http://127.0.0.1:{port}{PATH}"
        yield receiver
        receiver.held.set()
