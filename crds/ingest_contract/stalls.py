"""Why a batch does not go on, beside the failure table: each reason of its conditions that is no row there,
with the next step. Pure.

`ingestctl why` and `docs/why.md` are made from it: another reason is another row.
"""

from types import MappingProxyType
from typing import Final

STALLS: Final = MappingProxyType(
    {
        "ProfileMissing": "The namespace has no IngestProfile of that name: create it, or name another one "
        "in a new batch.",
        "VoiceUnknown": "The batch names a SpeakerProfile that is not there, or two of its voices show one "
        "name: make it, or name another in a new batch.",
        "ListMissing": "A ConfigMap with addresses does not exist: create it, or leave the entry out of a "
        "new batch, the other sources go on.",
        "ClaimMissing": "A PersistentVolumeClaim that a source names does not exist: create it, or leave the "
        "entry out of a new batch, the other sources go on.",
        "TemplateInvalid": "A template in `pods` of the profile cannot be merged into our pods: fix the "
        "field that the message names.",
        "Invalid": "The API server rejects our object, mostly because of a template in `pods` of the "
        "profile: fix there what the server's message names.",
        "OrderTooLarge": "A worker's order does not fit into an environment variable: use fewer or shorter "
        "entries in the profile.",
        "QuotaExceeded": "A ResourceQuota of the namespace is used up: raise it, lower `parallelism`, or "
        "wait until other work ends.",
        "AdmissionDenied": "A policy of the cluster refuses our objects: change it, or the profile's `pods`.",
        "NamespaceTerminating": "The namespace is being deleted: nothing to do, the batch goes with it.",
        "Forbidden": "The operator's role lacks a permission: install the chart's roles for this namespace.",
        "NameTaken": "Another object has a name that the operator needs: delete or rename it, the operator "
        "did not touch it.",
        "PodNotCreated": "A Job has had no pod for half a minute: `kubectl describe job` says why (a quota, "
        "a policy, a missing class).",
        "JobVanished": "Jobs are deleted before they finish, for at least the second time: find what "
        "deletes them, such as a policy with a TTL of 0 on all Jobs, or a clean-up.",
        "JobOrphaned": "A pod kept running without its Job (`--cascade=orphan`) and is being ended: nothing "
        "to do, its recording is retried when the pod is gone.",
        "NotAdmitted": "A queue of the cluster has not admitted recordings for a minute: follow Kueue's "
        "message, as in docs/queues.md.",
        "NoOtherNode": "Only avoided nodes would take the batch: check the nodes that the message names, "
        "the batch tries them again by itself.",
        "LogOutOfReach": "The node that holds a plan's log does not answer: wait, after five minutes it is "
        "planned again.",
        "PlansTooLarge": "The plans of all batches together need more memory than the operator has for "
        "them: wait until other batches are done, or suspend some.",
        "BeingDeleted": "The batch is deleted and a finalizer keeps it there: remove the finalizer that the "
        "message names, or fix the controller that should.",
        "PlanDamaged": "ConfigMaps of the frozen plan are gone or changed: restore them from a backup, or "
        "delete the batch and apply it again.",
        "SpecUnreadable": "The batch has a field of another version: run an operator that knows it, or "
        "remove the field.",
        "ProfileUnreadable": "The profile has a field of another version: run an operator that knows it, or "
        "remove the field.",
        "StatusUnreadable": "The status comes from another version and is kept as it is: run the operator "
        "that wrote it, or delete the batch and apply it again.",
        "DefinitionsDiffer": "The cluster's CustomResourceDefinitions are older than the operator: apply "
        "those of its version (`crds/`).",
        "ReconcileFailed": "The operator met an unexpected error: see its log, and report it, it keeps "
        "retrying.",
        "TooManyFailures": "More recordings failed than `retry.maxFailedPercent` allows: fix what most of "
        "them failed by (`ingestctl why` lists it), then run `ingestctl retry`.",
        "PlanningFailed": "Sources cannot be resolved, and only the others go on: correct what the message "
        "names, in the profile or in a new batch.",
        "SourcesInvalid": "A source or its list cannot be read as addresses, or the profile does not allow "
        "it: correct what the message names, in the profile, the list or a new batch.",
    }
)
"""Reasons of `Stalled` and `Failed` that are no row of the failure table. Each sentence: the cause, a colon,
and the next step."""

STATES: Final = MappingProxyType(
    {
        "NotSeen": "No operator has reconciled the batch: check that one runs and watches this namespace "
        "(`watchNamespaces` of the chart).",
        "Outdated": "The operator has not reconciled the last change of the batch yet: wait a moment, and "
        "check the operator's log if it stays so.",
        "Planning": "The sources are being resolved: wait, recordings follow.",
        "Draining": "The batch is suspended and its active runs finish: wait, or set `suspendMode` to Kill.",
        "Suspended": "The batch is suspended: run `ingestctl resume` when it may go on.",
        "Running": "Nothing is in the way: wait, `ingestctl watch` shows the progress.",
        "NodesAvoided": "Nodes are avoided for their own failures while the batch goes on elsewhere: check "
        "the nodes that the message names.",
        "LanguageDoubted": "Recordings are surely in another language than the one ordered: make a new batch "
        "of them with `transcription.language` as they sound, or without one, and `reprocess` set to "
        "IfPipelineChanged.",
        "Complete": "Every recording is final and none failed: nothing to do, `ingestctl search` finds what "
        "was said.",
        "CompleteWithFailures": "Every recording is final and some failed: fix what they failed by, then "
        "run `ingestctl retry`.",
        "DryRun": "The batch only plans: read its counts, and make one without `dryRun` to ingest.",
    }
)
"""The states of a batch in which nothing outside must change. Each sentence: the cause, a colon, and the
next step."""

RECORDING_STATES: Final = MappingProxyType(
    {
        "RecordingPending": "The recording waits for its turn: wait, or raise `parallelism` of the batch.",
        "RecordingFetching": "The recording is being fetched: wait, `ingestctl logs` shows what it does.",
        "RecordingFetched": "The recording is fetched and waits for a slot: wait, or raise `parallelism` of "
        "the batch.",
        "RecordingRunning": "The recording is being ingested: wait, `ingestctl logs` shows what it does.",
        "RecordingWaiting": "The recording is between two runs: wait, the next one starts by itself.",
        "RecordingSucceeded": "The recording is in the store: nothing to do, `ingestctl export` writes its "
        "transcript.",
        "NotShown": "The recording is final, and neither the status, which shows 100, nor a Job says why: "
        "see `failures` and `skips` of the status, or run `ingestctl retry` for those that failed.",
    }
)
"""Where a recording stands that nothing is wrong with. Each sentence: the cause, a colon, and the next
step."""


def cause_and_step(sentence: str) -> tuple[str, str]:
    """The two halves of a sentence of these tables, or of `next_step` in the failure table."""
    cause, _, step = sentence.partition(": ")
    return cause, step
