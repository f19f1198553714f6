"""Which addresses a pod can reach, and pods of no release that try."""

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final

from testkit.node.images import LIGHT
from testkit.release.batches import apply
from testkit.release.place import MEDIA_PORT, NAMESPACE, Place

NO_LABELS: Final[Mapping[str, str]] = MappingProxyType({})

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


@contextmanager
def stranger(here: Place, name: str, labels: Mapping[str, str] = NO_LABELS) -> Iterator[str]:
    """A pod with these labels that no policy bars from anywhere. It serves nothing, at the port of the
    media."""
    command = ["python", "-m", "http.server", str(MEDIA_PORT), "--directory", "/srv"]
    container = {"name": "main", "image": LIGHT.reference, "command": command}
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0}
    about = {"name": name, "namespace": NAMESPACE, "labels": dict(labels)}
    apply(here, {"apiVersion": "v1", "kind": "Pod", "metadata": about, "spec": spec})
    try:
        here.kubectl(f"wait --for=condition=Ready --timeout=5m pod {name}", shown=False)
        yield name
    finally:
        here.kubectl(f"delete pod {name}", shown=False)
