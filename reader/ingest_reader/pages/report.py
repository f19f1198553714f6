"""How a batch went, as one HTML file that asks nobody for anything: to be mailed, printed and kept.

Its facts are the batch's status, and what the store has of its runs and speakers, where one is at hand.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from markupsafe import Markup

from ingest_contract.status import RTF_BUCKETS, IngestBatchStatus
from ingest_reader.pages import plots
from ingest_reader.pages.rendering import environment
from ingest_worker.store.reading.heard import SpeakerSums
from ingest_worker.store.reading.progress import ShownRun

REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""What a browser lets the file do: show itself."""


@dataclass(frozen=True, slots=True)
class Ended:
    """Recordings that failed, or were skipped, for one reason."""

    outcome: str
    reason: str
    count: int
    next_step: str


@dataclass(frozen=True, slots=True)
class Stored:
    """What the store has of the batch."""

    runs: tuple[ShownRun, ...]
    """The latest first."""
    speakers: tuple[SpeakerSums, ...]
    """Who speaks most first."""
    more_runs: bool = False
    """The store has earlier ones too."""
    more_speakers: bool = False
    """The store has others, who speak less."""


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a report is made of."""

    batch: str
    """`NAMESPACE/NAME`."""
    made_at: str
    """For people."""
    status: IngestBatchStatus
    ended: tuple[Ended, ...]
    stored: Stored | None
    """None where no store was asked."""


def report(facts: Facts) -> str:
    """The file's text."""
    stored = facts.stored or Stored((), ())
    return (
        environment()
        .get_template("report.html")
        .render(
            facts=facts,
            stored=facts.stored,
            status=facts.status,
            css=Markup(files("ingest_reader.pages").joinpath("static/reader.css").read_text("utf-8")),  # noqa: S704 -- ours
            policy=REPORT_POLICY,
            outcomes=_outcomes(facts.status),
            over_time=plots.over_time(stored.runs),
            by_length=plots.by_length(stored.runs),
            stages=_stages(facts.status),
            rates=_rates(facts.status),
            speakers=plots.bars([(each.speaker, each.seconds) for each in stored.speakers]),
        )
    )


def _outcomes(status: IngestBatchStatus) -> tuple[plots.Bar, ...]:
    counts = status.counts
    left = counts.total - counts.succeeded - counts.skipped - counts.failed
    found = [
        ("in the store", float(counts.succeeded)),
        ("skipped", float(counts.skipped)),
        ("failed", float(counts.failed)),
        ("not final", float(left)),
    ]
    return plots.bars([each for each in found if each[1]])


def _stages(status: IngestBatchStatus) -> tuple[plots.Bar, ...]:
    sums = [(each.stage.value, float(each.seconds)) for each in status.sums.stages]
    sums.append(("outside every stage", float(status.sums.overhead_seconds)))
    return plots.bars(sorted((each for each in sums if each[1] > 0), key=lambda each: -each[1]))


def _rates(status: IngestBatchStatus) -> Sequence[plots.Bar]:
    """Recordings by their RTF, in the buckets that have any."""
    if status.rtf is None:
        return ()
    ends = [*(f"up to {bound:g}" for bound in RTF_BUCKETS), f"above {RTF_BUCKETS[-1]:g}"]
    pairs = zip(ends, status.rtf.histogram, strict=False)
    return plots.bars([(name, float(count)) for name, count in pairs if count])
