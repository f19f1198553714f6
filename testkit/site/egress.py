"""A plugin of `proxy.py`: connections go out from an address of the loopback that is the proxy's own, as
those of a proxy elsewhere would, so that the site can tell who came through it."""

import socket
from typing import Any

from proxy.common.flag import flags
from proxy.http.proxy import HttpProxyBasePlugin
from typing_extensions import override

flags.add_argument("--egress", type=str, default="127.0.0.1", help="The address to connect from.")


class EgressPlugin(HttpProxyBasePlugin):
    """Loaded by `proxy` by its name."""

    @override
    def resolve_dns(self, host: str, port: int) -> tuple[str | None, Any]:
        """The address to connect to, and the one to connect from."""
        found = socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_STREAM)[0][4]
        return _as_name(str(found[0])), (self.flags.egress, 0)


def _as_name(address: str) -> str:
    """The same address in the form of three numbers (inet_aton(3)): proxy.py 2.4.10 ignores the address to
    connect from where it is given four (`common/utils.py`, `new_socket_connection`)."""
    first, second, third, fourth = address.split(".")
    return f"{first}.{second}.{int(third) * 256 + int(fourth)}"
