"""Cookies, a proxy and credentials for a bucket, from their Secrets to the end of four batches: whoever looks
everywhere afterwards finds none of them.

The control plane, the operator, yt-dlp, the site, the proxy and the bucket are real, and so are the workers
that plan and fetch.
"""

import json
import logging
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final
from urllib.request import urlopen

import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from ingest_contract.names import API_VERSION
from ingest_contract.order import FetchOrder
from ingest_operator.kube.telemetry.logs import formatter
from ingest_worker.store.connect import connect
from testkit.cluster.program import free_port
from testkit.cluster.scene import Scene, final
from testkit.s3.server import ROOT
from testkit.s3.server import serving as serving_s3
from testkit.site.entries import Tab, Trait, channel
from testkit.site.extractor import folder
from testkit.site.media import tone_of
from testkit.site.proxy import forwarding
from testkit.site.rules import Refusal
from testkit.site.server import Site, serving
from testkit.site.visits import cookie_file
from tests.support.demo_store import demo_store
from tests.support.looking_for_secrets import files_below, leaks
from tests.support.real_pods import RealPods

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(900)]

TALKS = channel(4, seconds=(3, 4), shares={Trait.CUT: 0.5})
PASSWORD: Final = "Pw-9!verborgen"
WRONG: Final = "Pw-8!verkehrt"
STORE: Final = "Pw-7!datenbank"
KEY: Final = "wrong-secret-key-of-nobody"
BUCKET: Final = "recordings"

TABLES = "select relname from pg_class where relkind = 'r' and relnamespace = 'ingest'::regnamespace"
KINDS = (
    ("configmaps", "/api/v1/namespaces/{}/configmaps"),
    ("pods", "/api/v1/namespaces/{}/pods"),
    ("jobs", "/apis/batch/v1/namespaces/{}/jobs"),
    ("Events", "/apis/events.k8s.io/v1/namespaces/{}/events"),
    ("batches", f"/apis/{API_VERSION}/namespaces/{{}}/ingestbatches"),
    ("profiles", f"/apis/{API_VERSION}/namespaces/{{}}/ingestprofiles"),
    ("schedules", f"/apis/{API_VERSION}/namespaces/{{}}/ingestschedules"),
)


@pytest.fixture
def tube() -> Iterator[Site]:
    with serving(Site(TALKS)) as site:
        site.rules.refused["127.0.0.7"] = Refusal.BOT_CHECK
        site.rules.cut_times = 99
        yield site


@pytest.fixture
def operator_log() -> Iterator[list[str]]:
    """Every record of this process as the operator writes it."""
    lines: list[str] = []

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    keeping, ours = Keeping(), logging.getLogger()
    keeping.setFormatter(formatter())
    before = ours.level
    ours.addHandler(keeping)
    ours.setLevel(logging.INFO)
    yield lines
    ours.removeHandler(keeping)
    ours.setLevel(before)


class Story:
    """Batches that meet every failure in which a secret plays a part."""

    def __init__(self, scene: Scene, place: Path, tube: Site, ends: ExitStack) -> None:
        self.scene, self.tube, self.port = scene, tube, free_port()
        self.proxy = ends.enter_context(forwarding("127.0.0.7", user=f"geheim-user:{PASSWORD}"))
        self.s3 = ends.enter_context(serving_s3())
        self.s3.bucket(BUCKET)
        self.s3.put(BUCKET, "talk.m4a", tone_of(TALKS.entries[0]))
        self.store = ends.enter_context(demo_store())
        self.token = tube.visits.join("ann")
        dsn = make_conninfo(self.store, password=STORE)
        self.pods = RealPods(scene.admin, dsn, place, folder(place / "plugins"))
        self.cookies = cookie_file(place / "cookies.txt", self.token).read_text()
        (place / "cookies.txt").unlink()

    @property
    def secrets(self) -> tuple[str, ...]:
        return (self.token, PASSWORD, WRONG, STORE, ROOT.secret_access_key, KEY, f"geheim-user:{PASSWORD}")

    def secret(self, name: str, **keys: str) -> None:
        self.scene.apply(
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": keys}
        )

    def login(self, password: str = PASSWORD) -> None:
        address = self.proxy.url.replace(PASSWORD, password)
        self.secret("tube-login", **{"cookies.txt": self.cookies, "proxy": address})

    def prepare(self) -> None:
        self.login()
        for name, key in (("reader", ROOT.secret_access_key), ("nobody", KEY)):
            self.secret(name, AWS_ACCESS_KEY_ID=ROOT.access_key_id, AWS_SECRET_ACCESS_KEY=key)
        named = {key: {"secretName": "tube-login", "key": key} for key in ("cookies.txt", "proxy")}
        site = {"name": "tube", "cookies": named["cookies.txt"], "proxy": named["proxy"]}
        self.scene.profile(
            pods={"cache": {"claimName": "fetched"}, "secrets": ["reader", "nobody"]},
            fetch={"allow": {"privateAddresses": True}, "sites": [site]},
        )
        self.scene.play(self.pods)
        self.scene.operate(port=self.port)

    def bucket(self, secret: str) -> dict[str, Any]:
        source = {"url": f"s3://{BUCKET}", "endpoint": self.s3.url, "region": "us-east-1"}
        return {"objectStore": source | {"secretName": secret}}

    def places(self) -> dict[str, str]:
        """Everything that is left, by where."""
        found = {
            kind: json.dumps(self.scene.admin.get(path.format(self.scene.namespace)), ensure_ascii=False)
            for kind, path in KINDS
        }
        found["plans"] = "\n".join(plan.to_json() for plan in self.pods.plans)
        with connect(self.store, application="test") as connection:
            tables = [name for (name,) in connection.execute(TABLES).fetchall()]
            each = (SQL("select t::text from ingest.{} t").format(Identifier(name)) for name in tables)
            found["store"] = str([connection.execute(query).fetchall() for query in each])
        with urlopen(f"http://127.0.0.1:{self.port}/metrics") as answer:
            found["metrics"] = answer.read().decode()
        return found | {f"pods: {path}": text for path, text in files_below(self.pods.pods)}


def told(scene: Scene, name: str) -> str:
    return json.dumps(scene.status(name))


def test_no_secret_is_left_anywhere_by_batches_that_meet_every_failure(
    scene: Scene, tmp_path: Path, tube: Site, operator_log: list[str]
) -> None:
    with ExitStack() as ends:
        story = Story(scene, tmp_path, tube, ends)
        story.prepare()
        meet_every_failure(story)
        places = story.places() | {"log of the operator": "\n".join(operator_log)}
    look_everywhere(story, places)


def meet_every_failure(story: Story) -> None:
    scene, tube = story.scene, story.tube

    whole = {
        "sources": [{"url": tube.url("@talks/videos")}, story.bucket("reader")],
        "retry": {"maxAttempts": 1},
    }
    scene.batch("whole", parallelism=4, **whole)
    ended = final(scene.until_state("CompleteWithFailures", "whole"))
    plain = [entry for entry in TALKS.tab(Tab.VIDEOS) if entry.trait is Trait.PLAIN]
    assert ended["succeeded"] == len(plain) + 1, "the bucket's, too"
    assert '"DownloadFailed"' in told(scene, "whole")

    tube.rules.refused_accounts["ann"] = Refusal.BOT_CHECK
    scene.batch("refused", sources=[{"url": tube.url(f"watch/{plain[0].id}")}])
    scene.until(lambda _: "BotCheck" in told(scene, "refused"), "the account is refused", "refused")
    story.login(WRONG)
    scene.batch("unproxied", sources=[{"url": tube.url(f"watch/{plain[0].id}")}])
    scene.until(lambda _: "ProxyFailed" in told(scene, "unproxied"), "the proxy refuses", "unproxied")
    scene.batch("nobody", sources=[story.bucket("nobody")])
    scene.until(lambda _: "CredentialsInvalid" in told(scene, "nobody"), "the bucket refuses", "nobody")


def look_everywhere(story: Story, places: dict[str, str]) -> None:
    """A place that has nothing of what it must say was not looked into."""
    known = {
        "batches": "ProxyFailed", "Events": "BotCheck", "profiles": "tube-login", "jobs": "tube-login",
        "pods": "BotCheck", "configmaps": f"{story.scene.namespace}/whole", "metrics": "DownloadFailed",
        "log of the operator": f"{story.scene.namespace}/whole", "plans": "mount=/secrets/reader",
    }  # fmt: skip
    silent = [place for place, said in known.items() if said not in places[place]]
    logs = [text for name, text in places.items() if name.endswith("/log")]
    assert (leaks(places, story.secrets), silent) == ([], [])
    assert any("ProxyFailed" in text for text in logs)
    assert any(name.startswith("pods: cache/") for name in places)
    assert any(isinstance(each, FetchOrder) for each in story.pods.orders)


@pytest.mark.parametrize(
    "form", ["Pw-9!verborgen", "Pw-9%21verborgen", "Z2VoZWltLXVzZXI6UHctOSF2ZXJib3JnZW4="]
)
def test_who_looks_finds_a_secret_in_any_form(form: str) -> None:
    secrets = (PASSWORD, f"geheim-user:{PASSWORD}")
    assert leaks({"a log": f"GET https://x/?p={form}&q", "elsewhere": "Pw-9"}, secrets)
