"""What is observed of a batch, and the outcome of each run, from exit code, signal, Receipt, or none of
these. Pure; asks and logs nothing.

A Receipt that says `Succeeded` is written after the commit, so it is believed whatever happened to the
process later. Everything else is believed from the outside in: a kill for memory or for the deadline explains
an exit code, never the other way round.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from ingest_contract.failures import FAILURES, OK_EXIT, Reason, reason_of_exit
from ingest_contract.progress import Progress
from ingest_contract.receipt import Receipt, decode
from ingest_contract.text import said
from ingest_operator.core.blocker import Blocker
from ingest_operator.core.phases import Phase

SIGKILL: Final = 9
SIGTERM: Final = 15
SHELL_SIGNAL: Final = 128
"""A shell and a container runtime report death by signal n as exit code 128 + n."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended, seen from outside."""

    exit_code: int | None
    """As the runtime reports it; None where the process left no code, for example with its machine."""
    receipt: str | None
    """The Receipt's text, or whatever is in its place."""
    seen: Reason | None = None
    """What was done to the run from outside, where that can be seen: killed at its memory limit or deadline,
    evicted, never begun."""
    particulars: str = ""
    """What the runtime reports about that, for the user."""
    on_request: bool = False
    """Whether it ended because the operator asked it to: a suspended batch, a Ctrl-C."""
    receipt_gone: bool = False
    """Whether the place of the Receipt is gone with its pod: then exit code 0 has to be believed, and the
    figures stay unknown."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a run."""

    reason: Reason | None
    """None for success."""
    message: str
    receipt: Receipt | None
    """Figures, where the worker could leave any."""

    @property
    def succeeded(self) -> bool:
        """Whether the result is committed."""
        return self.reason is None


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one recording, live or over, as its backend sees it."""

    index: int
    number: int
    """Number of the run, counted per recording: `run` in the API."""
    charged_attempts: int
    """Charged attempts before this run."""
    rung: int
    disruptions: int
    started_at: float
    """Epoch seconds."""
    ended_at: float | None = None
    """Epoch seconds; None while it runs."""
    ended: Ended | None = None
    """None while it runs."""
    progress: Progress | None = None
    """Live progress, where it could be read."""
    waits: "Waits | None" = None
    """Waits before the process began, where the backend can report them."""
    gpu_seconds: float = 0.0
    """How long GPUs were held for the run, each counted: from placement on a node to the end."""
    held_seconds: float = 0.0
    """The same, once for the run, and on a CPU too. A fetch holds neither."""
    node: str | None = None
    """The node that it runs or ran on; None on this machine, before it is placed, and where it is unknown."""
    unplaced_since: float | None = None
    """Epoch seconds since which it has waited for a node; None if it has one, or waits for something else."""
    avoids: tuple[str, ...] = ()
    """Nodes that it may not be placed on."""
    phase: Phase = Phase.INGEST
    pack: int | None = None
    """The first recording of its Job, where it shares one."""


@dataclass(frozen=True, slots=True)
class Waits:
    """Seconds between the order and the start of the process, by cause."""

    queued: float = 0.0
    """Until a node took it: mostly the wait for a GPU."""
    starting: float = 0.0
    """Until its sandbox, network and volumes were ready."""
    pulling: float = 0.0
    """Until its container ran: the image pull, if the image was not there."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What is observed of a batch at one moment.
    Each run is read once for it, and every decision is based on that."""

    runs: tuple[Run, ...] = ()
    """Every run that is live, or over and not yet forgotten; in any order."""
    blockers: tuple[Blocker, ...] = ()
    """What must change outside before more can start."""

    @property
    def live(self) -> frozenset[int]:
        """Recordings of which a run is observed to be live."""
        return frozenset(run.index for run in self.runs if run.ended is None)

    @property
    def progress(self) -> Mapping[int, Progress]:
        """Live progress by index, where it could be read."""
        return {
            run.index: run.progress for run in self.runs if run.progress is not None and run.ended is None
        }


def outcome_of(ended: Ended) -> Outcome:
    """The outcome of a run. Total: every combination of facts has an answer."""
    receipt = _receipt(ended.receipt)
    if receipt is not None and receipt.result == "Succeeded":
        return Outcome(None, "", receipt)
    if ended.receipt_gone and ended.exit_code == OK_EXIT:
        return Outcome(None, "", None)
    reason = _reason(ended, receipt)
    particulars = said(ended.particulars) or (
        receipt.message if receipt is not None and receipt.reason is reason else ""
    )
    unexplained = f"Exit code {ended.exit_code}. " if reason is Reason.UNKNOWN else ""
    return Outcome(reason, particulars or unexplained + FAILURES[reason].sentence, receipt)


def _reason(ended: Ended, receipt: Receipt | None) -> Reason:
    """The first row that holds. A Receipt says more than an exit code, and what was done to the process says
    more than either.

    A stop by the operator comes before what the worker reports: the signal goes to the whole process group,
    so a decoder or a downloader dies first, and its worker would call a good recording undecodable.
    """
    code = ended.exit_code
    rows: tuple[tuple[bool, Reason], ...] = (
        (ended.seen is not None, ended.seen or Reason.UNKNOWN),
        (ended.on_request, Reason.INTERRUPTED),
        (receipt is not None and receipt.reason is not None, (receipt and receipt.reason) or Reason.UNKNOWN),
        (code is None or code == SHELL_SIGNAL + SIGKILL, Reason.KILLED),
        (code == OK_EXIT, Reason.RECEIPT_MISSING),
    )
    return next((reason for holds, reason in rows if holds), reason_of_exit(code or 0))


def _receipt(text: str | None) -> Receipt | None:
    """The Receipt, if the text is one. Log text, half a Receipt and a Receipt of another version all count as
    no Receipt."""
    if not text:
        return None
    try:
        return decode(text)
    except ValidationError:
        return None
