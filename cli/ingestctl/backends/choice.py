"""Which place the user means: this machine unless a cluster is named, a cluster where the command is the
plugin of kubectl. Never one in place of the other."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import typer

from ingest_operator.kube.api.kubeconfig import Target, chosen
from ingestctl.backends.here import Here
from ingestctl.backends.port import Batches
from ingestctl.ending import INTERRUPTED_EXIT
from ingestctl.options import PLUGIN
from ingestctl.place import Workplace
from ingestctl.progress import going

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Where:
    """What the options say."""

    namespace: str | None
    context: str | None
    kubeconfig: str | None
    cluster: bool
    home: Path | None
    everywhere: bool = False
    """Every namespace."""

    @property
    def is_here(self) -> bool:
        """Whether it is this machine."""
        return not self.cluster and self.context is None and self.kubeconfig is None

    @classmethod
    def is_plugin(cls, context: typer.Context) -> bool:
        """Whether kubectl runs the command."""
        return context.find_root().info_name == PLUGIN


@asynccontextmanager
async def opened(where: Where) -> AsyncIterator[Batches]:
    """The place's batches. Raises `KubeconfigError`."""
    if where.is_here:
        home = Workplace.of(where.home, None).home
        yield Here(home, None if where.everywhere else where.namespace)
        return
    target = Target(where.kubeconfig, where.context)
    there = chosen(target)
    # a third of the command's start, which nobody on a workstation waits for
    from ingest_operator.kube.api.client import connected
    from ingestctl.backends.cluster import CALL_SECONDS, InCluster

    namespace = None if where.everywhere else where.namespace or there.namespace
    async with connected(seconds=CALL_SECONDS, target=target) as api:
        yield InCluster(api, there, namespace)


def on(where: Where, story: Callable[[Batches], Awaitable[T]], *, tells: bool = False) -> T:
    """Carry out a story there. Ctrl-C ends it without a word. `tells`: it says itself what goes on."""

    async def carried_out() -> T:
        async with opened(where) as batches:
            return await story(batches)

    what = "reading the batches of this machine" if where.is_here else "asking the cluster"
    try:
        with nullcontext() if tells else going(what):
            return asyncio.run(carried_out())
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED_EXIT) from None
