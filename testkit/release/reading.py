"""The release's reader, asked through its Service by what stands between it and people."""

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from testkit.release.knocking import reached, stranger
from testkit.release.place import READER_TOKEN, RELEASE, Place

READER: Final = f"{RELEASE}-reader"
"""Its Deployment and its Service."""

PAGES_PORT, METRICS_PORT = 8300, 8301
"""Of its pod."""

ASKS: Final = """
import json, sys, urllib.error, urllib.request
url, *token = sys.argv[1:]
headers = {"authorization": "Bearer " + each for each in token}
try:
    answer = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=120)
except urllib.error.HTTPError as error:
    answer = error
print(json.dumps([answer.status, answer.read().decode()]))
"""


def service(here: Place) -> str:
    """`host:port` of its Service; by number, because there is no DNS here."""
    spec = here.read("services", READER)["spec"]
    return f"{spec['clusterIP']}:{spec['ports'][0]['port']}"


@contextmanager
def ingress(here: Place) -> Iterator[str]:
    """A pod that the network policies let in to the reader (`networkPolicy.reader.from` of values.yaml)."""
    with stranger(here, "ingress", {"app": "ingress"}) as pod:
        address = [service(here)]
        here.until(lambda: reached(here, pod, address) == address, "the ingress reaches the reader")
        yield pod


def asked(here: Place, pod: str, path: str, *, token: str | None = READER_TOKEN) -> tuple[int, str]:
    """The status and the body of what the reader answers this pod."""
    words = ["exec", pod, "--", "python", "-c", ASKS, f"http://{service(here)}{path}"]
    said = here.kubectl(shlex.join([*words, token] if token else words), shown=False)
    status, body = json.loads(said)
    return int(status), str(body)
