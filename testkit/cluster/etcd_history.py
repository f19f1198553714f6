"""Every version of every object that was put into etcd, as etcd itself tells it: what a batch costs a
cluster, and which object costs it.

Only what is not compacted away can be read: an API server started with `--etcd-compaction-interval=0` leaves
everything.
"""

import base64
import http.client
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from testkit.cluster.etcd import Etcd

PREFIX = "/registry/"


@dataclass(frozen=True, slots=True)
class Put:
    """One version of one object."""

    key: str
    revision: int
    encoded: str
    """The value in base64."""

    @property
    def value(self) -> bytes:
        """JSON for custom resources, `k8s` and protobuf for everything else."""
        return base64.b64decode(self.encoded)

    @property
    def kind(self) -> str:
        """The plural, for example `jobs`; of a custom resource the group comes before it in the key."""
        first, second = self.key.removeprefix(PREFIX).split("/")[:2]
        return second if "." in first and first != "apiregistration.k8s.io" else first

    @property
    def bytes(self) -> int:
        """What etcd counts: key and value."""
        return len(self.key) + len(self.encoded) * 3 // 4 - self.encoded[-2:].count("=")


@dataclass(frozen=True, slots=True)
class Cost:
    """What the versions of one kind come to."""

    puts: int = 0
    bytes: int = 0

    def with_put(self, put: Put) -> "Cost":
        return Cost(self.puts + 1, self.bytes + put.bytes)


def revision(etcd: Etcd) -> int:
    """The last one so far."""
    connection, answer = _post(etcd, "/v3/kv/range", {"key": _encoded(PREFIX), "count_only": True})
    try:
        return int(json.loads(answer.read())["header"]["revision"])
    finally:
        connection.close()


def puts(etcd: Etcd, after: int, until: int) -> Iterator[Put]:
    """Those behind a revision and up to another, in their order. Ends with the next one, and a control plane
    renews its leases for ever."""
    everything = {
        "key": _encoded(PREFIX),
        "range_end": _encoded(PREFIX[:-1] + "0"),
        "start_revision": str(after + 1),
    }
    connection, answer = _post(etcd, "/v3/watch", {"create_request": everything | {"filters": ["NODELETE"]}})
    try:
        for line in answer:
            result = json.loads(line)["result"]
            assert "compact_revision" not in result, (
                f"etcd has forgotten what was before {result['compact_revision']}"
            )
            for event in result.get("events", ()):
                put = _put(event["kv"])
                if put.revision > until:
                    return
                yield put
    finally:
        connection.close()


def costs(history: Iterable[Put]) -> dict[str, Cost]:
    """By kind."""
    found: defaultdict[str, Cost] = defaultdict(Cost)
    for put in history:
        found[put.kind] = found[put.kind].with_put(put)
    return dict(found)


def _put(pair: dict[str, str]) -> Put:
    return Put(base64.b64decode(pair["key"]).decode(), int(pair["mod_revision"]), pair.get("value", ""))


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _post(etcd: Etcd, path: str, body: object) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    connection = http.client.HTTPConnection(urlsplit(etcd.url).netloc, timeout=60)
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    return connection, connection.getresponse()
