"""Cookies, a proxy, credentials for a bucket and the store's password, on a workstation: whoever looks
everywhere after batches that met every failure finds none of them."""

import io
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import av
import pytest
import yaml
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from ingest_worker.store.connect import connect
from testkit.cluster.program import until
from testkit.media.packing import folder as media
from testkit.s3.server import ROOT
from testkit.s3.server import serving as serving_s3
from testkit.site.entries import Entry, Trait, channel
from testkit.site.extractor import VARIABLE, folder
from testkit.site.media import tone_of
from testkit.site.proxy import forwarding
from testkit.site.rules import Refusal
from testkit.site.server import Site, serving
from testkit.site.visits import cookie_file
from tests.support.journey import Ctl
from tests.support.looking_for_secrets import files_below, leaks

pytestmark = [pytest.mark.models, pytest.mark.postgres, pytest.mark.timeout(1200)]

TALKS = channel(2, seconds=(3, 4), shares={Trait.CUT: 0.5})
CUT, PLAIN = sorted(TALKS.entries, key=lambda entry: entry.trait is not Trait.CUT)
PASSWORD: Final = "Pw-9!verborgen"
WRONG: Final = "Pw-8!verkehrt"
STORE: Final = "Pw-7!datenbank"
KEY: Final = "wrong-secret-key-of-nobody"
BUCKET: Final = "recordings"
HEARD_SECONDS: Final = 8
TABLES = "select relname from pg_class where relkind = 'r' and relnamespace = 'ingest'::regnamespace"


def spoken(entry: Entry) -> bytes:
    """The beginning of the call for the one that is ingested, as m4a."""
    if entry is not PLAIN:
        return tone_of(entry)
    file = io.BytesIO()
    with av.open(str(media() / "call.webm")) as source, av.open(file, "w", format="mp4") as target:
        stream: Any = target.add_stream("aac", rate=48_000)
        for frame in source.decode(audio=0):
            if frame.time is None or frame.time > HEARD_SECONDS:
                break
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return file.getvalue()


@dataclass
class Workstation:
    """Somebody's, with secrets in folders outside of the home."""

    ctl: Ctl
    site: Site
    s3: str
    keys: Path
    words: list[str]

    def batch(self, name: str, *sources: dict[str, Any]) -> Path:
        path = self.ctl.batch(name=name, voices=True, sources=list(sources), retry={"maxAttempts": 1})
        batch, profile, *others = yaml.safe_load_all(path.read_text())
        keys = {key: {"secretName": "login", "key": key} for key in ("cookies.txt", "proxy")}
        site = {"name": "tube", "cookies": keys["cookies.txt"], "proxy": keys["proxy"]}
        profile["spec"]["fetch"]["sites"] = [site]
        path.write_text(yaml.safe_dump_all([batch, profile, *others]))
        return path

    def entry(self, entry: Entry) -> dict[str, Any]:
        return {"url": self.site.url(f"watch/{entry.id}")}

    def bucket(self, secret: str) -> dict[str, Any]:
        place = {"url": f"s3://{BUCKET}", "endpoint": self.s3, "region": "us-east-1"}
        return {"objectStore": place | {"secretName": secret}}

    def command(self, name: str, *sources: dict[str, Any], login: str = "login") -> list[str]:
        given = {"login": login, "reader": "reader", "nobody": "nobody"}
        flags = [part for key, at in given.items() for part in ("--secret", f"{key}={self.keys / at}")]
        return ["run", str(self.batch(name, *sources)), *flags, "--output", "json"]

    def run(self, name: str, *sources: dict[str, Any], login: str = "login") -> str:
        ran = self.ctl.run(*self.command(name, *sources, login=login))
        self.words += [ran.stdout, ran.stderr]
        return ran.stdout + ran.stderr

    def until_told(self, name: str, why: str, *sources: dict[str, Any], login: str = "login") -> None:
        """Start a command that goes on trying, and end it once it has said why it waits."""
        said = self.ctl.home / "words.txt"
        before = len(said.read_text()) if said.exists() else 0
        waits = self.ctl.start(*self.command(name, *sources, login=login))
        until(lambda: why in said.read_text()[before:] or waits.poll() is not None, f"it says {why}")
        if waits.poll() is None:
            waits.send_signal(signal.SIGINT)
        self.words.append(waits.communicate(timeout=180)[0])
        assert why in said.read_text()[before:]


@pytest.fixture
def workstation(ctl: Ctl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workstation]:
    keys = tmp_path_factory.mktemp("keys")
    with ExitStack() as ends:
        site = ends.enter_context(serving(Site(TALKS, sound=spoken)))
        proxy = ends.enter_context(forwarding("127.0.0.9", user=f"geheim-user:{PASSWORD}"))
        s3 = ends.enter_context(serving_s3())
        s3.bucket(BUCKET)
        s3.put(BUCKET, "tone.m4a", tone_of(CUT))
        site.rules.refused["127.0.0.9"] = Refusal.BOT_CHECK
        site.rules.cut_times = 99
        for name, address in (("login", proxy.url), ("wrong", proxy.url.replace(PASSWORD, WRONG))):
            (keys / name).mkdir()
            (keys / name / "proxy").write_text(address)
        token = site.visits.join("ann")
        for name in ("login", "wrong"):
            cookie_file(keys / name / "cookies.txt", token)
        ROOT.into(keys / "reader")
        replace(ROOT, secret_access_key=KEY).into(keys / "nobody")
        user = ctl.home / "user"
        (user / "tmp").mkdir(parents=True)
        extra = {"HOME": str(user), "TMPDIR": str(user / "tmp"), VARIABLE: str(folder(keys / "plugins"))}
        own = Ctl(ctl.home, make_conninfo(ctl.dsn, password=STORE), ctl.base, extra)
        yield Workstation(own, site, s3.url, keys, [])


def test_no_secret_is_left_on_a_workstation(workstation: Workstation) -> None:
    station, ctl = workstation, workstation.ctl
    whole = station.run("whole", station.entry(PLAIN), station.entry(CUT), station.bucket("reader"))
    assert '"DownloadFailed"' in whole
    assert ctl.status("whole")["counts"]["succeeded"] == 1, whole
    station.until_told("proxy", "does not let us through", station.entry(CUT), login="wrong")
    assert "CredentialsInvalid" in station.run("bucket", station.bucket("nobody"))
    station.site.rules.refused_accounts["ann"] = Refusal.BOT_CHECK
    station.until_told("refused", "are a robot", station.entry(CUT))
    with connect(ctl.dsn, application="test") as connection:
        tables = [name for (name,) in connection.execute(TABLES).fetchall()]
        each = (SQL("select t::text from ingest.{} t").format(Identifier(name)) for name in tables)
        rows = str([connection.execute(query).fetchall() for query in each])
    assert f"tube:{PLAIN.id}" in rows
    for command in ("status whole", "status refused", f"export tube:{PLAIN.id}"):
        said = ctl.run(*command.split())
        station.words += [said.stdout, said.stderr]
    places = {"output": "\n".join(station.words), "store": rows} | dict(files_below(ctl.home))
    kinds = {name.rpartition("/")[2] for name in places}
    assert {"order.json", "receipt.json", "log.jsonl", "words.txt"} <= kinds, sorted(kinds)
    assert any("BotCheck" in text for text in places.values())
    secrets = (PASSWORD, WRONG, STORE, KEY, ROOT.secret_access_key, f"geheim-user:{PASSWORD}")
    token = station.site.visits.accounts["ann"].token
    assert leaks(places, (*secrets, token)) == []
