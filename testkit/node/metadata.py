"""The address where clouds keep a machine's credentials, answered by a server in a network of its own behind
the node.

With it a test can tell a policy that bars the address from an address that nobody has.
"""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from testkit.cluster.program import until
from testkit.node.namespace import Namespace

ADDRESS: Final = "169.254.169.254"
ROUTER: Final = "169.254.169.253"
NETWORK: Final = "metadata"


@contextmanager
def metadata(inside: Namespace) -> Iterator[None]:
    """Serve there, on port 80."""
    nothing = inside.folder / NETWORK
    nothing.mkdir(exist_ok=True)
    within = ("ip", "netns", "exec", NETWORK)
    with ExitStack() as ends:
        inside.run("ip", "netns", "add", NETWORK)
        ends.callback(until, lambda: NETWORK not in inside.run("ip", "link"), "the link to it is gone")
        ends.callback(inside.run, "ip", "netns", "delete", NETWORK)
        for command in (
            ("ip", "link", "add", NETWORK, "type", "veth", "peer", "name", "eth0", "netns", NETWORK),
            ("ip", "address", "add", f"{ROUTER}/30", "dev", NETWORK),
            ("ip", "link", "set", NETWORK, "up"),
            (*within, "ip", "address", "add", f"{ADDRESS}/30", "dev", "eth0"),
            (*within, "ip", "link", "set", "eth0", "up"),
            (*within, "ip", "route", "add", "default", "via", ROUTER),
        ):
            inside.run(*command)
        server = inside.program(
            "metadata", [*within, sys.executable, "-u", "-m", "http.server", "80", "--directory", nothing]
        )
        ends.callback(server.kill)
        server.start()
        server.wait(lambda: "Serving" in server.end_of_log())
        yield
