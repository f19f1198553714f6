"""MCP on standard input and output, for a client that starts its servers itself."""

import threading
from concurrent.futures import Future

from mcp.server.mcpserver import MCPServer


def serve_stdio(server: MCPServer[None]) -> None:
    """Answer until the client closes the input, or a signal raises something in this thread, the main one.

    A read of standard input cannot be interrupted, and asyncio waits for the thread that does it: an open
    input would keep the process whatever it was asked. So all of it runs in a daemon thread, whose own
    threads are daemons too and end with the process.
    """
    ended: Future[None] = Future()

    def answer() -> None:
        try:
            server.run("stdio")
        except BaseException as error:  # noqa: BLE001  raised by who waits for it
            ended.set_exception(error)
        else:
            ended.set_result(None)

    threading.Thread(target=answer, name="mcp", daemon=True).start()
    ended.result()
