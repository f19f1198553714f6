"""Which addresses a pod can reach."""

import json
import shlex
from collections.abc import Sequence
from typing import Final

from testkit.release.place import Place

KNOCKS: Final = """
import json, socket, sys
def answers(address):
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=3).close()
    except OSError:
        return False
    return True
print(json.dumps([address for address in sys.argv[1:] if answers(address)]))
"""


def reached(here: Place, pod: str, addresses: Sequence[str]) -> list[str]:
    """Those of the addresses, `host:port`, to which a connection from this pod comes about."""
    said = here.kubectl(f"exec {pod} -- python -c {shlex.quote(KNOCKS)} {' '.join(addresses)}", shown=False)
    return list(json.loads(said))
