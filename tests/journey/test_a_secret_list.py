"""Addresses in a Secret, from the list to the store: whoever looks everywhere afterwards finds none of it."""

from pathlib import Path

import pytest
from psycopg.sql import SQL, Identifier

from ingest_worker.store.connect import connect
from tests.support.journey import Ctl

pytestmark = [pytest.mark.models, pytest.mark.postgres, pytest.mark.timeout(1200)]

TABLES = "select relname from pg_class where relkind = 'r' and relnamespace = 'ingest'::regnamespace"


def test_nothing_of_a_secret_address_is_left_after_a_run(
    ctl: Ctl, tmp_path_factory: pytest.TempPathFactory
) -> None:
    lists = tmp_path_factory.mktemp("private-feeds", numbered=False)
    open_address = f"{ctl.base}/call.webm".replace("//", "//ann:verborgen@")
    (lists / "urls.txt").write_text(f"{open_address}?token=geheim\n{ctl.base}/missing.mp4?token=geheim\n")
    batch = ctl.batch(name="secret", sources=[{"secret": {"secretName": "private-feeds"}}])

    ran = ctl.run("run", str(batch), "--secret", f"private-feeds={lists}", "--output", "json")
    assert ran.returncode == 1, ran.stderr
    counts = ctl.status("secret")["counts"]
    assert (counts["succeeded"], counts["failed"]) == (1, 1)

    shown = ctl.run("status", "secret")
    with connect(ctl.dsn, application="test") as connection:
        tables = [name for (name,) in connection.execute(TABLES).fetchall()]
        each = (SQL("select t::text from ingest.{} t").format(Identifier(name)) for name in tables)
        rows = str([connection.execute(query).fetchall() for query in each])
    assert "private-feeds/urls.txt#" in rows
    places = {"output": ran.stdout + ran.stderr + shown.stdout + shown.stderr, "store": rows}
    places |= {str(path): path.read_bytes().decode(errors="replace") for path in _files(ctl.home)}
    assert len(places) > 10
    assert [place for place, text in places.items() if "geheim" in text or "verborgen" in text] == []


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
