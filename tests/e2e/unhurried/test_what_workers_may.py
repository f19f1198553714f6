"""What a worker could do if somebody took it over: it has no token, and its own guard keeps it from private and metadata addresses.

No network policy is enforced here, because the node's network plugin knows none. What the chart's policies say is seen in tests/chart.
"""

import shlex

from tests.e2e.batches import batch
from tests.e2e.place import BASE, Place

ASKS = """
import os, ssl, urllib.error, urllib.request
address = f"https://{os.environ['KUBERNETES_SERVICE_HOST']}:{os.environ['KUBERNETES_SERVICE_PORT']}/api/v1/namespaces/media/secrets"
try:
    urllib.request.urlopen(address, context=ssl._create_unverified_context(), timeout=10)
except urllib.error.HTTPError as error:
    print(error.code, os.path.exists("/var/run/secrets/kubernetes.io/serviceaccount"))
"""


def test_a_worker_has_no_token_for_the_api_server(here: Place) -> None:
    curious = batch(here, "curious", ["talk.mp4"])
    with here.transcript.phase("no token"):
        pod = curious.until_working()
        code, token = here.kubectl(f"exec {pod} -- python -c {shlex.quote(ASKS)}", shown=False).split()
        assert (code, token) == ("403", "False"), "the API server takes it for nobody"
        here.kubectl("delete ib curious", shown=False)


def test_a_worker_refuses_private_and_metadata_addresses_unless_its_profile_allows_them(here: Place) -> None:
    service = here.read("services", "kubernetes", namespace="default")["spec"]["clusterIP"]
    addresses = ["http://169.254.169.254/latest/meta-data/iam.mp4", f"https://{service}/api/v1/secrets.mp4", f"{BASE}/call.webm"]
    outside = batch(here, "outside", addresses, fetch={"allow": {"privateAddresses": False}})
    with here.transcript.phase("private addresses"):
        done = outside.done()
    assert [(row["state"], row["reason"], row["try"]) for row in done["videos"]] == [("Failed", "SourceRefused", 1)] * len(addresses)
