"""What a person sees of a batch is text: nothing that a site, a file or a worker wrote is taken for markup, a
link or a command."""

import io
import re
from functools import partial
from typing import Any

import pytest
from rich.console import Console

from ingest_contract.batch import IngestBatch, Source
from ingest_contract.batch_sources import VolumeSource
from ingest_contract.failures import Reason
from ingest_contract.order import Item
from ingest_contract.status import IngestBatchStatus
from ingestctl import consoles
from ingestctl.options import Output
from ingestctl.run import Screen, show
from ingestctl.screen import PlainWatcher, TerminalWatcher

TITLES = (
    "Foo [/INST] bar",
    "[link=http://evil.example]click[/link]",
    "[bold red]loud[/]",
    ":boom: :smile:",
    "\x1b]0;owned\x07\x1b[31mred \x9b2J",
    "evil \u202egnp.exe\u2066",
    "half \ud83d of it\x00",
)
OBEYED = re.compile("[\x00-\x09\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
STYLES = re.compile("\x1b\\[[0-9;?]*[a-zA-Z]")
"""What rich itself sends to a terminal: colours and the cursor."""


def item(index: int, title: str) -> Item:
    return Item(
        index=index,
        id=f"url:{index}",
        url="https://ann:geheim@media.example.org/a.mp3?token=geheim",
        title=title,
    )


def batch_of(items: tuple[Item, ...], message: str) -> IngestBatch:
    # a status that an older program has written: JSON, and so no surrogates
    text = message.encode("utf-8", "replace").decode()[:200]
    row = {"state": "Failed", "run": 1, "reason": Reason.NOT_FOUND, "message": text}
    rows = [{"index": each.index, "id": each.id, **row} for each in items]
    whole: dict[str, Any] = {
        "apiVersion": "video-ingest.dev/v1alpha1",
        "kind": "IngestBatch",
        "metadata": {"name": "talks", "namespace": "default"},
        "spec": {"sources": [{"url": "https://media.example.org/feed.xml"}]},
    }
    status = IngestBatchStatus.model_validate({"recordings": rows}, strict=False)
    return IngestBatch.model_validate(whole, strict=False).model_copy(update={"status": status})


@pytest.mark.parametrize("title", [*TITLES, ""])
def test_a_table_shows_a_title_as_it_is_written(title: str, capsys: pytest.CaptureFixture[str]) -> None:
    items = (item(0, title),)
    show(batch_of(items, f"no such page: {title}"), items, Screen(consoles.people(), Output.TABLE))
    verdict_text = capsys.readouterr().out
    assert OBEYED.search(verdict_text) is None
    assert "\x1b" not in verdict_text
    assert "geheim" not in verdict_text
    shown = items[0].title or "a.mp3"
    assert shown[:40] in verdict_text
    assert "NotFound: no such page:" in " ".join(verdict_text.split())


@pytest.mark.parametrize("title", TITLES)
@pytest.mark.parametrize(
    "watcher", [partial(PlainWatcher, clock=lambda: 0.0), TerminalWatcher], ids=["lines", "bars"]
)
def test_bars_and_lines_send_nothing_of_a_title_to_the_terminal_but_its_text(
    title: str, watcher: Any
) -> None:
    screen = io.StringIO()
    console = Console(
        file=screen,
        force_terminal=watcher is TerminalWatcher,
        width=200,
        markup=False,
        emoji=False,
        highlight=False,
    )
    items = (item(0, title), item(1, title))
    status = batch_of(items, title).status
    assert status is not None
    running = status.recordings[0].model_copy(update={"state": "Running"})
    with watcher(console) as shown:
        shown.showed(status.model_copy(update={"recordings": (running, status.recordings[1])}), items)
        shown.said(f"planning: {title}")
    verdict_text = STYLES.sub("", screen.getvalue())
    assert OBEYED.search(verdict_text) is None
    assert "\x1b" not in verdict_text
    assert items[0].title in verdict_text


@pytest.mark.parametrize("output", [Output.JSON, Output.YAML])
@pytest.mark.parametrize(
    "secret", ["https://ann:geheim@media.example.org/feed", "https://media.example.org/feed?a=b&token=geheim"]
)
def test_a_batch_is_shown_without_what_its_addresses_let_in_with(
    output: Output, secret: str, capsys: pytest.CaptureFixture[str]
) -> None:
    batch = batch_of((), "")
    sources = (*batch.spec.sources, Source(url=secret), Source(volume=VolumeSource(claim_name="talks")))
    show(
        batch.model_copy(update={"spec": batch.spec.model_copy(update={"sources": sources})}),
        (),
        Screen(consoles.people(), output),
    )
    verdict_text = capsys.readouterr().out
    assert "geheim" not in verdict_text
    assert verdict_text.count("https://media.example.org/feed") == 2
    assert "talks" in verdict_text
