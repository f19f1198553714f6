"""A door for pods: what listens on this machine for this machine only, reachable at the node's side of the
link as well."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

T = TypeVar("T")

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Open = Callable[[], Awaitable[Streams]]
"""Opens a connection to what is behind the door."""


def to_port(port: int) -> Open:
    """Behind it is a port of the loopback."""
    return lambda: asyncio.open_connection("127.0.0.1", port)


def to_socket(path: str) -> Open:
    """Behind it is a Unix socket."""
    return lambda: asyncio.open_unix_connection(path)


class Door:
    """Whoever connects to address and port speaks with what is behind, while it is open."""

    def __init__(self, address: str, port: int, behind: Open, loop: asyncio.AbstractEventLoop) -> None:
        self._address, self._port, self._behind, self._loop = address, port, behind, loop
        self._server: asyncio.Server | None = None

    def open(self) -> None:
        """Let people in."""
        self._server = self._run(_listen(self._address, self._port, self._behind))

    def shut(self) -> None:
        """Let nobody in, and put everybody out."""
        if self._server is not None:
            self._run(_end(self._server))
            self._server = None

    def _run(self, doing: Coroutine[None, None, T]) -> T:
        return asyncio.run_coroutine_threadsafe(doing, self._loop).result(30)


@contextmanager
def relay(address: str, port: int, behind: Open) -> Iterator[Door]:
    """A door that is open, and gone after the block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name=f"relay-{port}", daemon=True)
    thread.start()
    door = Door(address, port, behind, loop)
    door.open()
    try:
        yield door
    finally:
        door.shut()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _listen(address: str, port: int, behind: Open) -> asyncio.Server:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.CancelledError):
            far_reader, far_writer = await behind()
            await asyncio.gather(_pass(reader, far_writer), _pass(far_reader, writer))
        writer.transport.abort()

    return await asyncio.start_server(serve, address, port)


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """All that comes, then its end."""
    try:
        while chunk := await reader.read(65_536):
            writer.write(chunk)
            await writer.drain()
    finally:
        with suppress(OSError):
            writer.close()


async def _end(server: asyncio.Server) -> None:
    server.close()
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
