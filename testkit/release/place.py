"""What stands around a cluster of tests: recordings over HTTP, a Postgres, and the people who type
commands."""

import os
import secrets
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from string import Template
from types import MappingProxyType
from typing import Any, Final, LiteralString
from urllib.parse import urlsplit

from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from ingest_contract.names import API_VERSION
from ingest_worker.store.connect import connect
from testkit.cluster.binaries import program
from testkit.cluster.program import until
from testkit.media import packing
from testkit.media.server import serving
from testkit.models.demo_set import models
from testkit.node.namespace import HOST
from testkit.node.node import Node
from testkit.node.relay import Door, relay, to_port, to_socket
from testkit.postgres import fresh
from testkit.release.transcript import Transcript
from testkit.speech import catalogue
from testkit.tools.programs import program as tool

HERE = Path(__file__).parent
CHART = HERE.parents[1] / "charts" / "video-ingest-operator"
NAMESPACE = "media"
RELEASE = "video-ingest-operator"
MEDIA_PORT, STORE_PORT = 18_080, 15_432
BASE = f"http://{HOST}:{MEDIA_PORT}"
READER_TOKEN: Final = secrets.token_hex(32)
"""What people show the reader."""
ROOTS: Final[Mapping[str, str]] = MappingProxyType(
    {"pods": "/api/v1", "services": "/api/v1", "jobs": "/apis/batch/v1"}
)
"""Where the API has kinds that are not ours."""
STORES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "video-ingest-store-owner": "owner",
        "video-ingest-store": "worker",
        "video-ingest-store-reader": "reader",
    }
)
"""Secrets with an address of the store, and whose it is."""
PATIENCE = 3600
"""Seconds that anything may take: a machine may be busy."""


@dataclass(frozen=True, slots=True)
class Place:
    """A cluster, and what it is used with."""

    node: Node
    dsn: str
    """The store, as an administrator and from this machine."""
    store: Door
    """The way of pods to it."""
    transcript: Transcript
    folder: Path
    """For files that are typed."""

    def written(self, name: str) -> Path:
        """One of our files with the addresses of this run in it, shown in the transcript but for the folder
        of this machine."""
        addresses = {
            "BASE": BASE,
            "HOST": HOST,
            "MEDIA_PORT": MEDIA_PORT,
            "STORE_PORT": STORE_PORT,
            "API_PORT": self.node.plane.port,
        }
        text = Template((HERE / name).read_text(encoding="utf-8"))
        self.transcript.file(name, text.substitute(addresses, MODELS="/srv/models"))
        path = self.folder / name
        path.write_text(text.substitute(addresses, MODELS=models()), encoding="utf-8")
        return path

    def kubectl(self, line: str, *, shown: bool = True, fails: bool | None = False) -> str:
        """A kubectl command as a person types it, its answer in the transcript; None for one that may fail or
        not."""
        flags = (
            f"--kubeconfig={self.node.plane.kubeconfig}",
            f"--cache-dir={self.folder}/kubectl-cache",
            f"--namespace={NAMESPACE}",
        )
        return self._typed("kubectl", program("kubectl"), flags, line, shown=shown, fails=fails)

    def helm(self, line: str, *, fails: bool = False) -> str:
        """A Helm command likewise, which succeeds, or fails as it should."""
        flags = (f"--kubeconfig={self.node.plane.kubeconfig}", f"--namespace={NAMESPACE}")
        return self._typed("helm", tool("helm"), flags, line, shown=True, fails=fails)

    def _typed(
        self, name: str, path: Path, flags: tuple[str, ...], line: str, *, shown: bool, fails: bool | None
    ) -> str:
        homeless = os.environ | {
            f"HELM_{kind}_HOME": f"{self.folder}/helm" for kind in ("CACHE", "CONFIG", "DATA")
        }
        done = subprocess.run(
            [path, *flags, *shlex.split(line)],
            cwd=self.folder,
            env=homeless,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        if shown:
            self.transcript.command(f"{name} {line}", done.stdout + done.stderr)
        assert fails is None or (done.returncode != 0) is fails, (
            f"{name} {line}: {done.stdout}{done.stderr}\n{self.trouble()}"
        )
        return done.stdout

    def read(self, plural: str, name: str, namespace: str = NAMESPACE) -> dict[str, Any]:
        """An object."""
        return self.node.plane.admin.get(f"{_root(plural)}/namespaces/{namespace}/{plural}/{name}")

    def listed(self, plural: str, selector: str) -> list[dict[str, Any]]:
        """Objects."""
        return list(
            self.node.plane.admin.get(
                f"{_root(plural)}/namespaces/{NAMESPACE}/{plural}", labelSelector=selector
            )["items"]
        )

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait as long as it takes."""
        until(lambda: bool(condition()), what, seconds=PATIENCE, every=0.2)

    def queried(self, query: LiteralString, *values: object) -> list[tuple[Any, ...]]:
        """Rows of the store."""
        with connect(self.dsn, application="e2e") as connection:
            return connection.execute(query, values).fetchall()

    def trouble(self) -> str:
        """What a person would look at first."""
        said = []
        for line in (
            "get pods,jobs,ib,is --output=wide",
            "get events --sort-by=.lastTimestamp",
            f"logs deployment/{RELEASE} --tail=40",
            f"logs deployment/{RELEASE}-reader --tail=20",
        ):
            flags = (
                f"--kubeconfig={self.node.plane.kubeconfig}",
                f"--namespace={NAMESPACE}",
                "--request-timeout=20s",
            )
            done = subprocess.run(
                [program("kubectl"), *flags, *line.split()], capture_output=True, text=True, check=False
            )
            said.append(f"$ kubectl {line}\n{done.stdout}{done.stderr}")
        return "\n".join(said)


def _root(plural: str) -> str:
    return ROOTS.get(plural, f"/apis/{API_VERSION}")


@contextmanager
def place(node: Node, transcript: Transcript, folder: Path) -> Iterator[Place]:
    """Recordings and a store that pods can reach, and a namespace with the store's addresses in it."""
    with ExitStack() as ends:
        base = ends.enter_context(serving(_recordings(folder / "recordings")))
        ends.enter_context(relay(HOST, MEDIA_PORT, to_port(urlsplit(base).port or 0)))
        dsn = ends.enter_context(contextmanager(partial(fresh, "template0"))())
        facts = conninfo_to_dict(dsn)
        store = ends.enter_context(relay(HOST, STORE_PORT, to_socket(f"{facts['host']}/.s.PGSQL.5432")))
        _roles(dsn, str(facts["dbname"]))
        here = Place(node, dsn, store, transcript, folder)
        node.plane.admin.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        for name, user in STORES.items():
            _secret(node, name, "dsn", f"postgresql://{user}@{HOST}:{STORE_PORT}/{facts['dbname']}")
        _secret(node, "reader-token", "token", READER_TOKEN)
        yield here


def _secret(node: Node, name: str, key: str, value: str) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {key: value}}
    node.plane.admin.create(secret, NAMESPACE)


def _roles(dsn: str, database: str) -> None:
    """The store as docs/install.md has it set up: an owner who is no superuser, and login roles for workers
    and for the reader."""
    with connect(dsn, application="e2e") as connection:
        # an earlier place's: roles are the server's
        connection.execute("drop role if exists worker, reader, owner, ingest_writer, ingest_reader")
        connection.execute("create role owner login createrole")
        connection.execute("create role worker login")
        connection.execute("create role reader login")
        connection.execute(sql.SQL("alter database {} owner to owner").format(sql.Identifier(database)))
        connection.execute("create extension vector")


def _recordings(folder: Path) -> Path:
    """The demo's, and beside them those of the enrolled voices."""
    (folder / "voices").mkdir(parents=True)
    for made in packing.folder().iterdir():
        (folder / made.name).symlink_to(made)
    for name in ("joe", "mina"):
        shutil.copyfile(catalogue.recordings()[f"voice-{name}"].path, folder / "voices" / f"{name}.wav")
    return folder
