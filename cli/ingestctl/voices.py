"""What `ingestctl voices` prints: tables for people, JSON or YAML for programs. Decides nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from ingest_contract.text import counted, legible, without_credentials
from ingest_reader.exports.links import link_at
from ingest_worker.store.deciding import Done
from ingest_worker.store.voice_list import DecisionRow, VoiceDetails, VoiceRow
from ingestctl import programs
from ingestctl.consoles import results
from ingestctl.options import Output
from ingestctl.screen import duration
from ingestctl.tables import show_table


def show_voices(rows: Sequence[VoiceRow], output: Output) -> None:
    """The list of voices."""
    if output is not Output.TABLE:
        programs.show([_value(row) for row in rows], output)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head, right in (("VOICE", False), ("SPEECH", True), ("RECORDINGS", True), ("LIKE", False),
                        ("OPEN", True), ("LISTEN", False)):  # fmt: skip
        table.add_column(head, justify="right" if right else "left", overflow="fold")
    for row in rows:
        near = (
            f"{legible(row.nearest)} {row.likeness:.2f}" if row.nearest and row.likeness is not None else ""
        )
        table.add_row(
            legible(row.voice), duration(row.seconds), str(row.recordings), near,
            str(row.open) if row.open else "", _listen(row.url, row.start),
        )  # fmt: skip
    show_table(table, results())


def show_voice(found: VoiceDetails, output: Output) -> None:
    """One voice: where it speaks, what was decided, and what is open."""
    if output is not Output.TABLE:
        appearances = [_value(each) for each in found.appearances]
        programs.show({**programs.record(found), "appearances": appearances}, output)
        return
    to = results()
    count = len({each.recording for each in found.appearances})
    to.print(
        f"{legible(found.voice)}: {duration(found.seconds)} of speech in {counted(count, 'recording')}, "
        f"{counted(found.enrolments, 'enrolment')}",
        soft_wrap=True,
    )
    for each in found.appearances:
        score = "" if each.score is None else f", score {each.score:.2f} of {each.threshold:.2f}"
        says = f"; the run says {legible(each.run_says)}{score}" if each.run_says else score
        title = legible(each.title) or each.recording
        to.print(f"  {duration(each.seconds):>8}  {title} ({each.recording}): {each.decision}{says}",
                 soft_wrap=True)  # fmt: skip
        to.print(f"            {_listen(each.url, each.start)}", soft_wrap=True)
    for row in found.open:
        to.print(
            f"  open: decision {row.decision} in {row.recording} ({duration(row.seconds)}): {row.why}. "
            "Listen, and say `ingestctl voices correct`.",
            soft_wrap=True,
        )
    show_decisions(found.decisions, Output.TABLE)


def show_decisions(rows: Sequence[DecisionRow], output: Output) -> None:
    """History."""
    if output is not Output.TABLE:
        programs.show(rows, output)
        return
    to = results()
    for row in rows:
        undone = f" (taken back by {row.undone_by})" if row.undone_by else ""
        why = f": {legible(row.why)}" if row.why else ""
        to.print(
            f"  {row.decision}. {row.made_at:%Y-%m-%d %H:%M} UTC {legible(row.who)}: {row.kind} "
            f"{_said(row.details)}{undone}{why}",
            soft_wrap=True,
        )


def show_done(done: Done, output: Output) -> None:
    """What a decision has changed."""
    if output is not Output.TABLE:
        programs.show(done, output)
        return
    to = results()
    head = f"decision {done.decision}: " if done.decision else ""
    if done.speakers:
        where = counted(done.recordings, "recording")
        to.print(
            f"{head}{legible(done.voice)}: {counted(done.speakers, 'speaker')} in {where}, "
            f"{counted(done.passages, 'passage')}, {duration(done.seconds)} of speech",
            soft_wrap=True,
        )
    elif head:
        to.print(
            f"{head}{legible(done.voice)}: nobody speaks so now; it holds for what comes", soft_wrap=True
        )
    if done.enrolments:
        to.print(f"{done.enrolments} recordings teach this voice from now on", soft_wrap=True)
    if done.untaught:
        to.print(
            f"{done.untaught} speakers teach nothing: too short, without a vector, partly somebody else, "
            "or beyond the sixteen that teach",
            soft_wrap=True,
        )
    for note in done.notes:
        to.print(legible(note), soft_wrap=True)


def show_value(value: Any, lines: Sequence[str], output: Output) -> None:
    """A value for programs, or these lines for people."""
    if output is not Output.TABLE:
        programs.show(value, output)
        return
    to = results()
    for line in lines:
        to.print(legible(line), soft_wrap=True)


def _said(details: Mapping[str, Any]) -> str:
    what = details.get("voices") or [details[key] for key in ("voice",) if key in details]
    is_now = f" is {details['is']}" if "is" in details else ""
    where = details.get("recordings") or [details[key] for key in ("recording",) if key in details]
    stretch = f" from {duration(details['from'])} to {duration(details['to'])}" if "from" in details else ""
    taken = f"decision {details['decision']}" if "decision" in details else ""
    in_these = f" in {', '.join(where)}" if where else ""
    return legible(f"{', '.join(what)}{taken}{is_now}{in_these}{stretch}")


def _listen(url: str, start: float) -> str:
    return legible(link_at(without_credentials(url), start)) if url else ""


def _value(row: Any) -> dict[str, Any]:
    return {**programs.record(row), "url": without_credentials(row.url), "link": _listen(row.url, row.start)}
