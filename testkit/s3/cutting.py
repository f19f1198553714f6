"""A way to a server on which connections break off in the middle of an answer."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Cutting:
    """What a test wants cut, and what was."""

    url: str
    after_bytes: int | None = None
    """An answer ends after this many bytes; None: no answer is cut."""
    answers: int = 0
    """How many answers are cut; negative: all."""
    cut: int = 0
    """How many were."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self) -> int | None:
        """Of one more answer, after how many bytes it ends."""
        with self._lock:
            if self.after_bytes is None or self.answers == 0:
                return None
            self.answers -= 1
            self.cut += 1
            return self.after_bytes


@contextmanager
def cutting(target: str) -> Iterator[Cutting]:
    """A listener on the loopback that forwards to `target`, `http://host:port`, while the block runs. What is
    cut of an answer counts from when it is longer than a kilobyte: headers and errors come through."""
    host, port = target.removeprefix("http://").split(":")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        plan = Cutting(f"http://127.0.0.1:{listener.getsockname()[1]}")

        def forward(client: socket.socket) -> None:
            with client, socket.create_connection((host, int(port))) as server:
                up = threading.Thread(target=_copy, args=(client, server), daemon=True)
                up.start()
                _answers(server, client, plan)
                # The other thread still waits for the client: closing alone ends nothing.
                with suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)

        def accept() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return  # the block has ended
                threading.Thread(target=forward, args=(client,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield plan
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)


def _answers(server: socket.socket, client: socket.socket, plan: Cutting) -> None:
    """Forward answers until either side closes, or one is cut."""
    passed, limit = 0, None
    with suppress(OSError):
        while block := server.recv(65_536):
            if passed <= 1024 < passed + len(block):
                limit = plan.take()
            if limit is not None and passed + len(block) > limit:
                client.sendall(block[: limit - passed])
                return
            client.sendall(block)
            passed += len(block)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while block := source.recv(65_536):
            target.sendall(block)
        target.shutdown(socket.SHUT_WR)
