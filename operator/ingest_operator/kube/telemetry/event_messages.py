"""The Events for a change of a batch's status, which people read with `kubectl describe`.
Pure.

Each aspect of a batch has its own function, so that one that changes too often can be suppressed without the
others. Each function works between any two statuses, however far apart they are: suppressed changes are
summarised in a later Event.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ingest_contract.conditions import Condition, ConditionStatus, ConditionType
from ingest_contract.failures import FAILURES
from ingest_contract.intervals import decode
from ingest_contract.obstacles import NodeStatus, is_undecided
from ingest_contract.recording_status import RecordingStatus
from ingest_contract.stalls import STATES
from ingest_contract.status import IngestBatchStatus
from ingest_contract.text import without_credentials
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.telemetry.notes import Aspect, EventRules, Note, NoteType, enumerated
from ingest_operator.kube.telemetry.notification_messages import untold
from ingest_operator.kube.telemetry.status_diff import doubted_in, failed_before, failed_since


def _origin(before: IngestBatchStatus | None, after: IngestBatchStatus) -> Note | None:
    """A status that was written for another batch, or lost what it said, has been replaced."""
    other = before.trace_id if before else None
    if before is not None and (lost := _unnamed(before)):
        done = "1 recording" if lost == 1 else f"{lost} recordings"
        text = (
            f"The status that was there counted {done} as done and did not say which: definitions of another "
            "version drop fields. Jobs that are kept still say how they ended; every other recording is "
            "taken up again."
        )
        return Note("StatusNotBelieved", NoteType.WARNING, text, "Restore")
    if other is None or after.trace_id in (None, other):
        return None
    text = (
        f"The status that was there belonged to another batch (trace {other}), as a backup's does. "
        "Every recording is taken up again."
    )
    return Note("StatusNotBelieved", NoteType.WARNING, text, "Restore")


def _unnamed(status: IngestBatchStatus) -> int:
    """How many recordings a status counts as done without naming them."""
    counts, named = status.counts, status.final_recordings
    said = sum(len(decode(text)) for text in (named.succeeded, named.skipped, named.failed))
    return max(0, counts.succeeded + counts.skipped + counts.failed - said)


def exposed(batch: Object, before: IngestBatchStatus | None, after: IngestBatchStatus) -> Note | None:
    """Addresses in a new or changed spec that contain credentials: a batch is no Secret."""
    if before is not None and before.observed_generation == after.observed_generation:
        return None
    sources = batch.get("spec", {}).get("sources") or ()
    urls = [str(source.get("url", "")) if isinstance(source, Mapping) else "" for source in sources]
    places = [f"spec.sources[{place}]" for place, url in enumerate(urls) if without_credentials(url) != url]
    if not places:
        return None
    text = (
        f"{places[0]}{f' and {len(places) - 1} more' if places[1:] else ''}: "
        "a user, password or token in the address. Everybody who may read batches sees it; "
        "recordings, logs, status and search have it not. "
        "If it is secret, renew it, put it into a Secret, and name that as `secret` in place of `url`."
    )
    return Note("CredentialsExposed", NoteType.WARNING, text, "Plan")


def _planned(before: IngestBatchStatus | None, after: IngestBatchStatus) -> Note | None:
    plan, known = after.plan, before.plan if before else None
    if plan is None or (
        known is not None and (known.sources, known.recordings) == (plan.sources, plan.recordings)
    ):
        return None
    if known is None:
        text = f"{_recordings(plan.recordings)} planned, {plan.media_seconds / 3600:.1f} h."
    else:
        text = (
            f"{_recordings(plan.recordings - known.recordings, ' more')} planned, {plan.recordings} in all."
        )
    left_out = enumerated((each.reason, each.count) for each in plan.left_out)
    return Note("Planned", NoteType.NORMAL, text + (f" Left out: {left_out}." if left_out else ""), "Plan")


def _profile(before: IngestBatchStatus | None, after: IngestBatchStatus) -> Note | None:
    differed = before is not None and before.profile is not None and before.profile.differs
    if after.profile is None or not after.profile.differs or differed:
        return None
    text = (
        "The profile's models or parameters are not those that this batch was planned with. "
        "The batch keeps those; a new one takes the new."
    )
    return Note("ProfileDiffers", NoteType.WARNING, text, "Plan")


def _failures(before: IngestBatchStatus | None, after: IngestBatchStatus) -> Note | None:
    failed = failed_since(before, after)
    if not failed:
        return None
    reason, most = min(failed.items(), key=lambda entry: (-entry[1], entry[0]))
    sentence = next(each.sentence for each in after.failures if each.reason == reason)
    row = _only_failed(before, after) if failed.total() == 1 else None
    if row is not None:
        text = (
            f"{row.id} (recording {row.index}) failed in run {row.run}: {reason}. {row.message or sentence}"
        )
    else:
        share = "all" if most == failed.total() else f"{most} of them"
        text = f"{_recordings(failed.total())} failed, {share} with {reason}. {sentence}"
    return Note("ItemFailed", NoteType.WARNING, text, "Ingest")


def _only_failed(before: IngestBatchStatus | None, after: IngestBatchStatus) -> RecordingStatus | None:
    """The row of the one recording that failed; None where the rows had no room for it."""
    known = failed_before(before)
    fresh = decode(after.final_recordings.failed) - known
    return next((row for row in after.recordings if row.index in fresh), None)


def _hold(before: IngestBatchStatus | None, after: IngestBatchStatus) -> Note | None:
    """A failed batch is stalled too: that is reported by `_verdict`."""
    was, now = _held(before), _held(after)
    if now is not None and (was is None or was.reason != now.reason):
        return Note("Stalled", NoteType.WARNING, f"{now.reason}: {now.message}", "Start")
    over = now is None and _holding(ConditionType.COMPLETE, after) is None
    return (
        Note("Recovered", NoteType.NORMAL, f"{was.reason} holds nothing up any more.", "Start")
        if was and over
        else None
    )


def _nodes(before: IngestBatchStatus | None, after: IngestBatchStatus) -> Note | None:
    """A node that is avoided again: each time in a row is reported."""
    known = {each.name: each.times for each in _avoided(before)} if before else {}
    fresh = [each for each in _avoided(after) if known.get(each.name, 0) < each.times]
    if not fresh:
        return None
    reported = "; ".join(
        f"{each.name}: {each.runs} ended as {each.reason}, avoided until {each.until}" for each in fresh
    )
    advice = FAILURES[fresh[0].reason].sentence
    return Note(
        "NodeAvoided",
        NoteType.WARNING,
        f"{reported}. {advice} Nothing more of this batch goes there until then.",
        "Start",
    )


def _language(before: IngestBatchStatus | None, after: IngestBatchStatus) -> Note | None:
    """Recordings that are surely in another language than ordered: with the first one, and whenever there are
    twice as many. Of three hundred that is nine Events."""
    was, now = doubted_in(before), doubted_in(after)
    condition = _holding(ConditionType.LANGUAGE_DOUBTED, after)
    if condition is None or now.bit_length() <= was.bit_length():
        return None
    text = f"{condition.message} {STATES['LanguageDoubted']}"
    return Note("LanguageDoubted", NoteType.WARNING, text, "Ingest")


def _avoided(status: IngestBatchStatus) -> list[NodeStatus]:
    """The avoided nodes that are known to be at fault."""
    held = status.breaker.reason if status.breaker else None
    return [each for each in status.nodes if each.avoided and not is_undecided(each.reason, held)]


def _held(status: IngestBatchStatus | None) -> Condition | None:
    """What holds the batch up, if that is not its own failure."""
    stalled, failed = _holding(ConditionType.STALLED, status), _holding(ConditionType.FAILED, status)
    return None if stalled is not None and failed is not None and stalled.reason == failed.reason else stalled


def _suspension(before: IngestBatchStatus | None, after: IngestBatchStatus) -> Note | None:
    counts = after.counts
    if _begun(ConditionType.SUSPENDED, before, after) is not None:
        left = _recordings(counts.pending + counts.waiting)
        return Note(
            "Suspended", NoteType.NORMAL, f"Nothing runs and nothing starts; {left} to go.", "Suspend"
        )
    resumed = any(
        each.type is ConditionType.SUSPENDED and each.reason == "NotSuspended" for each in after.conditions
    )
    if _holding(ConditionType.SUSPENDED, before) is not None and resumed:
        return Note("Resumed", NoteType.NORMAL, "`spec.suspend` was taken back.", "Resume")
    return None


def _verdict(before: IngestBatchStatus | None, after: IngestBatchStatus) -> Note | None:
    failed = _begun(ConditionType.FAILED, before, after)
    return (
        None
        if failed is None
        else Note(
            "Failed",
            NoteType.WARNING,
            f"{failed.reason}: {failed.message}",
            "Ingest" if after.plan else "Plan",
        )
    )


def _end(before: IngestBatchStatus | None, after: IngestBatchStatus) -> Note | None:
    complete = _begun(ConditionType.COMPLETE, before, after)
    if complete is None:
        return None
    if not after.counts.failed:
        return Note("Completed", NoteType.NORMAL, f"{complete.message}.", "Ingest")
    failures = enumerated((each.reason, each.count) for each in after.failures)
    return Note("CompletedWithFailures", NoteType.WARNING, f"{complete.message}: {failures}.", "Ingest")


EVENT_RULES: Final[EventRules[IngestBatchStatus]] = MappingProxyType(
    {
        Aspect.ORIGIN: _origin,
        Aspect.PLAN: _planned,
        Aspect.PROFILE: _profile,
        Aspect.FAILURES: _failures,
        Aspect.HOLD: _hold,
        Aspect.NODES: _nodes,
        Aspect.LANGUAGE: _language,
        Aspect.SUSPENSION: _suspension,
        Aspect.VERDICT: _verdict,
        Aspect.END: _end,
        Aspect.NOTIFICATION: untold,
    }
)


def _holding(kind: ConditionType, status: IngestBatchStatus | None) -> Condition | None:
    conditions = status.conditions if status else ()
    return next(
        (each for each in conditions if each.type is kind and each.status is ConditionStatus.TRUE), None
    )


def _begun(
    kind: ConditionType, before: IngestBatchStatus | None, after: IngestBatchStatus
) -> Condition | None:
    """The condition, if it is true now and was false before, or was true for another reason."""
    was, now = _holding(kind, before), _holding(kind, after)
    return None if now is None or (was is not None and was.reason == now.reason) else now


def _recordings(count: int, more: str = "") -> str:
    return f"{count}{more} recording{'' if count == 1 else 's'}"
