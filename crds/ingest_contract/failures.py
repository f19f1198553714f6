"""The failure table: every way in which a recording can end without success, in one place.

The worker's exit codes, the Job's podFailurePolicy, verdicts, Events, metric labels and `docs/failures.md`
are all made from it. A reason is either *reported* by the worker (it has an exit code) or *observed* from
outside when the worker could not report.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Verdict(StrEnum):
    """What is done about a failure."""

    RETRY = "Retry"
    """Retry after a backoff. Charged to the recording's `maxAttempts`."""
    RETRY_SMALLER = "RetrySmaller"
    """Retry one rung down the memory ladder. The ladder is its own budget; nothing is charged."""
    RETRY_LATER = "RetryLater"
    """Something outside is not ready: wait and retry. Nothing is charged."""
    RETRY_ELSEWHERE = "RetryElsewhere"
    """This machine is at fault: retry on another. Charged."""
    GIVE_UP = "GiveUp"
    """The recording fails now: a retry cannot help."""
    SKIP = "Skip"
    """There is nothing to ingest. Final, counted separately, and not a failure."""
    STOP_BATCH = "StopBatch"
    """Every other recording would fail the same way:
    nothing new starts until the user fixes it. Nothing is charged."""
    FORGIVE = "Forgive"
    """The cluster took the machine back. Retry, immediately the first time and after a longer wait each
    further time. Never charged, capped by time."""


class Kind(StrEnum):
    """Where a failure comes from. Only failures that are not the input's own fault count towards a stall."""

    INPUT = "Input"
    SOURCE = "Source"
    MEMORY = "Memory"
    MACHINE = "Machine"
    ENGINE = "Engine"
    STORE = "Store"
    SETUP = "Setup"
    LIFECYCLE = "Lifecycle"


class Reason(StrEnum):
    """Why a recording did not succeed. CamelCase, as in conditions and Events."""

    PRIVATE = "Private"
    MEMBERS_ONLY = "MembersOnly"
    REMOVED = "Removed"
    AGE_GATED = "AgeGated"
    GEO_BLOCKED = "GeoBlocked"
    LIVE_OR_UPCOMING = "LiveOrUpcoming"
    DRM_PROTECTED = "DrmProtected"
    NOT_FOUND = "NotFound"
    SOURCE_REFUSED = "SourceRefused"
    SOURCE_UNSUPPORTED = "SourceUnsupported"
    NO_AUDIO_TRACK = "NoAudioTrack"
    FORGOTTEN = "Forgotten"
    NO_SPEECH = "NoSpeech"
    NO_WORDS = "NoWords"
    LANGUAGE_UNSUPPORTED = "LanguageUnsupported"
    UNDECODABLE = "Undecodable"
    TRUNCATED = "Truncated"
    TOO_LONG = "TooLong"
    UNAVAILABLE = "Unavailable"
    BOT_CHECK = "BotCheck"
    RATE_LIMITED = "RateLimited"
    PROXY_FAILED = "ProxyFailed"
    DOWNLOAD_FAILED = "DownloadFailed"
    EXTRACTOR_BROKEN = "ExtractorBroken"
    CREDENTIALS_INVALID = "CredentialsInvalid"
    TOO_SLOW = "TooSlow"
    SOURCE_TOO_LARGE = "SourceTooLarge"
    SOURCE_CHANGED = "SourceChanged"
    ACCESS_DENIED = "AccessDenied"
    GPU_OUT_OF_MEMORY = "GpuOutOfMemory"
    HOST_OUT_OF_MEMORY = "HostOutOfMemory"
    GPU_UNAVAILABLE = "GpuUnavailable"
    GPU_BROKEN = "GpuBroken"
    COMPUTE_TYPE_UNSUPPORTED = "ComputeTypeUnsupported"
    SCRATCH_FULL = "ScratchFull"
    NOT_IN_CACHE = "NotInCache"
    CACHE_UNAVAILABLE = "CacheUnavailable"
    TRANSCRIPT_DEGENERATE = "TranscriptDegenerate"
    DIARIZATION_FAILED = "DiarizationFailed"
    IDENTIFICATION_FAILED = "IdentificationFailed"
    EMBEDDING_INCOMPLETE = "EmbeddingIncomplete"
    HEARING_NOT_KEPT = "HearingNotKept"
    DATABASE_UNAVAILABLE = "DatabaseUnavailable"
    DATABASE_TOO_SLOW = "DatabaseTooSlow"
    DATABASE_REJECTED = "DatabaseRejected"
    SCHEMA_MISMATCH = "SchemaMismatch"
    DIMENSION_MISMATCH = "DimensionMismatch"
    CLAIMED_ELSEWHERE = "ClaimedElsewhere"
    LEASE_LOST = "LeaseLost"
    ORDER_INVALID = "OrderInvalid"
    MODELS_UNAVAILABLE = "ModelsUnavailable"
    VOICE_UNUSABLE = "VoiceUnusable"
    VOICE_NOT_HEARD = "VoiceNotHeard"
    TOO_LITTLE_SPEECH = "TooLittleSpeech"
    SEVERAL_PEOPLE = "SeveralPeople"
    VOICES_DISAGREE = "VoicesDisagree"
    NOT_INGESTED = "NotIngested"
    IMAGE_UNAVAILABLE = "ImageUnavailable"
    IMAGE_SLOW = "ImageSlow"
    POD_MISCONFIGURED = "PodMisconfigured"
    UNSCHEDULABLE = "Unschedulable"
    EVICTED = "Evicted"
    QUEUE_PREEMPTED = "QueuePreempted"
    PREEMPTED = "Preempted"
    NODE_PRESSURE = "NodePressure"
    NODE_REJECTED = "NodeRejected"
    NODE_RESTARTED = "NodeRestarted"
    NODE_LOST = "NodeLost"
    NODE_TAINTED = "NodeTainted"
    INTERRUPTED = "Interrupted"
    PACK_ENDED = "PackEnded"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    KILLED = "Killed"
    RECEIPT_MISSING = "ReceiptMissing"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Failure:
    """One row: how the failure is reported, where it comes from, and what happens next."""

    exit_code: int | None
    """The worker's exit code; None if the failure is visible only from outside."""
    kind: Kind
    """Where it comes from."""
    verdict: Verdict
    """What is done about it."""
    sentence: str
    """What it means and what to do, for people."""
    against_node: int = 0
    """A batch avoids a node after this many such ends on it without a success in between; 0: this reason says
    nothing about the node."""
    next_step: str = field(kw_only=True)
    """One sentence for `ingestctl why`: the cause, a colon, and what a person does next."""


_V, _K, _R = Verdict, Kind, Reason

FAILURES: Final = MappingProxyType(
    {
        _R.PRIVATE: Failure(
            20,
            _K.INPUT,
            _V.SKIP,
            "The recording is private. Ask its owner, or remove it from the sources.",
            next_step="The recording is private: ask its owner to share it and name it in a new batch, or "
            "accept that it is left out.",
        ),
        _R.MEMBERS_ONLY: Failure(
            21,
            _K.INPUT,
            _V.SKIP,
            "The recording is for members of the channel only.",
            next_step="The recording is for members of the channel only: put cookies of a member into "
            "`fetch.sites` of the profile, or accept that it is left out.",
        ),
        _R.REMOVED: Failure(
            22,
            _K.INPUT,
            _V.SKIP,
            "The recording was removed, or its account was closed.",
            next_step="The recording was removed or its account closed: look for another copy and name that "
            "in a new batch, nothing can be fetched here.",
        ),
        _R.AGE_GATED: Failure(
            23,
            _K.INPUT,
            _V.SKIP,
            "The site wants a signed-in adult for this recording: "
            "cookies of one, by `fetch.sites` of the profile.",
            next_step="The site wants a signed-in adult: put cookies of one into `fetch.sites` of the "
            "profile and name the recording in a new batch.",
        ),
        _R.GEO_BLOCKED: Failure(
            24,
            _K.INPUT,
            _V.SKIP,
            "The recording is not available where this cluster stands.",
            next_step="The site does not serve this region: set a proxy elsewhere in `fetch.sites` of the "
            "profile and name the recording in a new batch.",
        ),
        _R.LIVE_OR_UPCOMING: Failure(
            25,
            _K.INPUT,
            _V.SKIP,
            "The recording is live, is still being written, or has not been shown yet. A later batch will "
            "find it.",
            next_step="The recording is live, is still being written, or has not been shown yet: name it in "
            "a later batch, or let a schedule find it.",
        ),
        _R.DRM_PROTECTED: Failure(
            26,
            _K.INPUT,
            _V.GIVE_UP,
            "The media is encrypted (DRM) and cannot be read.",
            next_step="The media is encrypted (DRM): get an unprotected copy from its owner and name that, "
            "no retry can read this one.",
        ),
        _R.NOT_FOUND: Failure(
            27,
            _K.INPUT,
            _V.GIVE_UP,
            "Nothing is at this address (HTTP 404 or 410, no such file or tab of a channel). Check the link.",
            next_step="Nothing is at the address (HTTP 404 or 410, no such file or tab of a channel): "
            "correct the link in a new batch, or put the file back and run `ingestctl retry`.",
        ),
        _R.SOURCE_REFUSED: Failure(
            28,
            _K.INPUT,
            _V.GIVE_UP,
            "The profile does not allow this address. Its `fetch.allow` says what workers may reach.",
            next_step="The profile does not allow the address: an admin adds it to `fetch.allow` of the "
            "profile, then run `ingestctl retry`.",
        ),
        _R.SOURCE_UNSUPPORTED: Failure(
            29,
            _K.INPUT,
            _V.GIVE_UP,
            "No extractor knows how to read this address.",
            next_step="No extractor reads this address: name the media file, feed or playlist behind the "
            "page instead, or update the worker image.",
        ),
        _R.NO_AUDIO_TRACK: Failure(
            30,
            _K.INPUT,
            _V.SKIP,
            "The media has a picture but no sound.",
            next_step="The media has a picture and no sound: nothing to do, or name a version with sound.",
        ),
        _R.FORGOTTEN: Failure(
            49,
            _K.INPUT,
            _V.SKIP,
            "Somebody has asked for the recording, its channel or the voice to be forgotten. "
            "`ingestctl tombstones lift` lets it in again.",
            next_step="Somebody asked for this to be forgotten: leave it so, or run `ingestctl tombstones "
            "lift` if they have changed their mind.",
        ),
        _R.NO_SPEECH: Failure(
            31,
            _K.INPUT,
            _V.SKIP,
            "Nobody speaks in this recording.",
            next_step="Nobody speaks in the recording: nothing to do, or listen to it and report it if "
            "somebody does.",
        ),
        _R.NO_WORDS: Failure(
            35,
            _K.INPUT,
            _V.GIVE_UP,
            "Voices are heard and no words: too faint, singing, or a language that the model does not know.",
            next_step="Voices are heard without words (too faint, singing, or another language): set "
            "`transcription.language` in a new batch, or get a better copy.",
        ),
        _R.LANGUAGE_UNSUPPORTED: Failure(
            37,
            _K.ENGINE,
            _V.GIVE_UP,
            "The recording is said to be in a language that `transcription.model` of the profile does not "
            "know.",
            next_step="The recording is said to be in a language that `transcription.model` does not know: "
            "name a multilingual one in a profile, or the true language as `transcription.language`, in a "
            "new batch.",
        ),
        _R.UNDECODABLE: Failure(
            32,
            _K.INPUT,
            _V.GIVE_UP,
            "The media cannot be decoded: it is damaged or in an unknown codec.",
            next_step="The media is damaged or in an unknown codec: play it to see, convert or replace the "
            "file, and name it in a new batch.",
        ),
        _R.TRUNCATED: Failure(
            33,
            _K.INPUT,
            _V.RETRY,
            "The media ends before its announced duration. It is fetched again, then given up.",
            next_step="The media ends before its announced duration: check the file at the source, then run "
            "`ingestctl retry` to fetch it again.",
        ),
        _R.TOO_LONG: Failure(
            34,
            _K.INPUT,
            _V.GIVE_UP,
            "The media is longer or larger than the profile's limit.",
            next_step="The media exceeds the profile's limit: an admin raises `fetch.maxDurationSeconds` or "
            "`fetch.maxBytes`, then run `ingestctl retry`.",
        ),
        _R.UNAVAILABLE: Failure(
            36,
            _K.INPUT,
            _V.RETRY,
            "The site does not give this one recording; the message has its words. Others go on.",
            next_step="The site does not give this one recording: open it in a browser, follow the site's "
            "words in the message, then run `ingestctl retry`.",
        ),
        _R.BOT_CHECK: Failure(
            40,
            _K.SOURCE,
            _V.RETRY_LATER,
            "The site asks whether we are a robot. Its downloads pause. It may want cookies, a proxy or a "
            "slower pace: set them in `fetch.sites` of the profile.",
            next_step="The site takes us for a robot: give its entry in `fetch.sites` of the profile "
            "cookies, a proxy or a slower pace, then one recording probes by itself.",
        ),
        _R.RATE_LIMITED: Failure(
            41,
            _K.SOURCE,
            _V.RETRY_LATER,
            "The site asks us to slow down. Its downloads pause. "
            "Set a slower pace in `fetch.sites` of the profile.",
            next_step="The site asks us to slow down: wait for the time in the message, or set a slower "
            "pace in `fetch.sites` of the profile.",
        ),
        _R.PROXY_FAILED: Failure(
            58,
            _K.SOURCE,
            _V.RETRY_LATER,
            "The site's proxy does not answer, or does not let us through. "
            "Look at it, and at the Secret that `fetch.sites` of the profile names.",
            next_step="The site's proxy does not answer or refuses us: check it and the Secret that "
            "`fetch.sites` of the profile names.",
        ),
        _R.DOWNLOAD_FAILED: Failure(
            42,
            _K.SOURCE,
            _V.RETRY,
            "The download broke: network, server error or a dead link inside.",
            next_step="The download broke on the way: wait for the next attempt, and if all are used up "
            "check network and link and run `ingestctl retry`.",
        ),
        _R.EXTRACTOR_BROKEN: Failure(
            43,
            _K.SOURCE,
            _V.RETRY,
            "The site has changed and yt-dlp does not read it. Update the worker image.",
            next_step="The site has changed and yt-dlp cannot read it: use a newer worker image in "
            "`pods.image` of the profile, then run `ingestctl retry`.",
        ),
        _R.CREDENTIALS_INVALID: Failure(
            44,
            _K.SETUP,
            _V.STOP_BATCH,
            "A site or object store refused our cookies, password or keys. Renew the Secret.",
            next_step="A site or object store refused our credentials: renew the Secret that the message "
            "names, and one recording probes by itself.",
        ),
        _R.TOO_SLOW: Failure(
            45,
            _K.SOURCE,
            _V.RETRY,
            "The source answers too slowly: a listing or download takes longer than `fetch.timeoutSeconds`.",
            next_step="The source answers too slowly: raise `fetch.timeoutSeconds` of the profile, or run "
            "`ingestctl retry` when the source is quick again.",
        ),
        _R.SOURCE_TOO_LARGE: Failure(
            46,
            _K.INPUT,
            _V.GIVE_UP,
            "A page, feed or playlist is larger than any that is read. The message says what was exceeded.",
            next_step="A page, feed or playlist is larger than any that is read: divide it as the message "
            "says and name the parts in a new batch.",
        ),
        _R.SOURCE_CHANGED: Failure(
            47,
            _K.INPUT,
            _V.GIVE_UP,
            "The file is not the one that was planned: it was replaced or has grown. "
            "A new batch takes it as it is.",
            next_step="The file was replaced or has grown since it was planned: make a new batch, which "
            "takes it as it is.",
        ),
        _R.ACCESS_DENIED: Failure(
            48,
            _K.SOURCE,
            _V.RETRY,
            "The object store knows the credentials and does not let them list the bucket or read the "
            "object. "
            "Allow them s3:ListBucket and s3:GetObject.",
            next_step="The object store lets our credentials not list or read: allow them s3:ListBucket and "
            "s3:GetObject, then run `ingestctl retry`.",
        ),
        _R.GPU_OUT_OF_MEMORY: Failure(
            50,
            _K.MEMORY,
            _V.RETRY_SMALLER,
            "A stage did not fit into the GPU's free memory, even at batch 1.",
            next_step="A stage did not fit into the GPU's free memory: wait while smaller rungs are tried, "
            "and if none fits use a larger GPU or a smaller model.",
        ),
        _R.HOST_OUT_OF_MEMORY: Failure(
            51,
            _K.MEMORY,
            _V.RETRY_SMALLER,
            "The process reached its memory limit. It is tried again with more.",
            next_step="The process reached its memory limit: wait while it is tried with more, and if that "
            "fails raise `pods.memory` of the profile.",
        ),
        _R.GPU_UNAVAILABLE: Failure(
            52,
            _K.MACHINE,
            _V.RETRY_ELSEWHERE,
            "CUDA cannot start: no GPU, or a driver that is too old for it (570 or newer runs every GPU). "
            "Nothing ran on the CPU.",
            1,
            next_step="CUDA cannot start on the node: check that its driver is 570 or newer and its device "
            "plugin, or take the node out of service.",
        ),
        _R.GPU_BROKEN: Failure(
            53,
            _K.MACHINE,
            _V.RETRY_ELSEWHERE,
            "CUDA reported an error that poisons the process. Look at the node's GPU.",
            1,
            next_step="CUDA reported an error that poisons the process: look at the node's GPU (its XID in "
            "dmesg), reset or drain it.",
        ),
        _R.COMPUTE_TYPE_UNSUPPORTED: Failure(
            57,
            _K.SETUP,
            _V.STOP_BATCH,
            "The device cannot compute in the number format that the profile orders. "
            "Use Auto, or float16 on a GPU, as `runtime.computeType`.",
            2,
            next_step="The device cannot compute in the number format that the profile orders: set "
            "`runtime.computeType` to Auto, or to float16 on a GPU.",
        ),
        _R.SCRATCH_FULL: Failure(
            54,
            _K.MACHINE,
            _V.RETRY_ELSEWHERE,
            "The scratch disk is full. Give it more room.",
            2,
            next_step="The scratch disk is full: raise `pods.scratchGib` of the profile, or free room on "
            "the node.",
        ),
        _R.NOT_IN_CACHE: Failure(
            55,
            _K.MACHINE,
            _V.FORGIVE,
            "The fetched audio is gone from the cache, or is not what was fetched. It is fetched again.",
            next_step="The fetched audio is gone from the cache: nothing to do, it is fetched again, but "
            "see who clears the cache if it happens often.",
        ),
        _R.CACHE_UNAVAILABLE: Failure(
            56,
            _K.MACHINE,
            _V.RETRY_LATER,
            "The cache cannot be read or written, or is full. The message has its words. Check `pods.cache`.",
            next_step="The cache cannot be read or written: check the claim, folder or bucket that "
            "`pods.cache` of the profile names, and its free room.",
        ),
        _R.TRANSCRIPT_DEGENERATE: Failure(
            60,
            _K.ENGINE,
            _V.RETRY,
            "The transcript repeats itself or is noise, and re-decoding did not mend it.",
            next_step="The transcript repeats itself or is noise: listen to the recording, set "
            "`transcription.language` in a new batch or use a larger model.",
        ),
        _R.DIARIZATION_FAILED: Failure(
            61,
            _K.ENGINE,
            _V.RETRY,
            "Speakers could not be told apart: the engine failed. Nothing was assumed.",
            next_step="The diarization engine failed: read the message with `ingestctl logs`, then run "
            "`ingestctl retry`.",
        ),
        _R.IDENTIFICATION_FAILED: Failure(
            62,
            _K.ENGINE,
            _V.RETRY,
            "Voices could not be compared with the enrolled ones. Nothing was assumed.",
            next_step="Voices could not be compared with the enrolled ones: read the message with "
            "`ingestctl logs`, then run `ingestctl retry`.",
        ),
        _R.EMBEDDING_INCOMPLETE: Failure(
            63,
            _K.ENGINE,
            _V.RETRY,
            "Not every segment got a finite vector, so nothing was stored.",
            next_step="Not every segment got a finite vector: check the text model with `ingestctl models "
            "verify`, then run `ingestctl retry`.",
        ),
        _R.HEARING_NOT_KEPT: Failure(
            64,
            _K.STORE,
            _V.GIVE_UP,
            "What was heard of the recording is not kept, or not in a form that is of use now. "
            "Ingest it again from its source, with `reprocess` set to Always.",
            next_step="What was heard is gone, of another version or by another diarization model: ingest "
            "the recording again from its source, in a batch with `reprocess` set to Always.",
        ),
        _R.DATABASE_UNAVAILABLE: Failure(
            70,
            _K.STORE,
            _V.RETRY_LATER,
            "Postgres did not answer. Finished stages are kept where they could be.",
            next_step="Postgres does not answer: bring it back or correct the address in the store's "
            "Secret, and one recording probes by itself.",
        ),
        _R.DATABASE_TOO_SLOW: Failure(
            76,
            _K.STORE,
            _V.RETRY_LATER,
            "Postgres ended a statement that took longer than it may. Finished stages are kept where they "
            "could be.",
            next_step="Postgres ends statements that take too long: see what else it does "
            "(pg_stat_activity, its disk), and one recording probes by itself.",
        ),
        _R.DATABASE_REJECTED: Failure(
            71,
            _K.STORE,
            _V.RETRY,
            "Postgres refused the rows. The message names the constraint.",
            next_step="Postgres refused the rows: follow the constraint, disk or permission that the "
            "message names, then run `ingestctl retry`.",
        ),
        _R.SCHEMA_MISMATCH: Failure(
            72,
            _K.SETUP,
            _V.STOP_BATCH,
            "The database's schema is not this worker's. Run the migration.",
            next_step="The database's schema is not this worker's: run `ingestctl migrate`, or the worker "
            "image that belongs to the schema.",
        ),
        _R.DIMENSION_MISMATCH: Failure(
            73,
            _K.SETUP,
            _V.STOP_BATCH,
            "The store has no table for the text model's vectors, or knows others of its name. "
            "Run the migration with its dimension, or check the model set.",
            next_step="The store does not take this text model's vectors: run `ingestctl migrate` with the "
            "dimension that the message names, or use the model set that filled the store.",
        ),
        _R.CLAIMED_ELSEWHERE: Failure(
            74,
            _K.STORE,
            _V.RETRY_LATER,
            "Another worker is on this recording. Its result will be found.",
            next_step="Another worker is on this recording: wait, its result will be found.",
        ),
        _R.LEASE_LOST: Failure(
            75,
            _K.STORE,
            _V.RETRY_LATER,
            "Another worker took this recording over while we were away. Ours was not stored.",
            next_step="Another worker took this recording over while ours was away: wait, its result will "
            "be found.",
        ),
        _R.ORDER_INVALID: Failure(
            80,
            _K.SETUP,
            _V.STOP_BATCH,
            "The worker does not take its order: "
            "operator and worker images differ, or its ConfigMap was replaced.",
            2,
            next_step="The worker does not take its order: use images of one version for operator and "
            "workers (`pods.image` of the profile).",
        ),
        _R.MODELS_UNAVAILABLE: Failure(
            81,
            _K.SETUP,
            _V.STOP_BATCH,
            "A model is missing or differs from its lock. Run `ingestctl models fetch`.",
            2,
            next_step="A model is missing or differs from its lock: run `ingestctl models fetch`, or the "
            "chart's model Job, for the set of the profile.",
        ),
        _R.VOICE_UNUSABLE: Failure(
            82,
            _K.SETUP,
            _V.STOP_BATCH,
            "No recording of an enrolled voice can be used. "
            "Look at the SpeakerProfile that the message names.",
            next_step="No recording of an enrolled voice can be used: give the SpeakerProfile that the "
            "message names a recording of this person alone.",
        ),
        _R.VOICE_NOT_HEARD: Failure(
            83,
            _K.SETUP,
            _V.RETRY_LATER,
            "A voice that the batch looks for is not enrolled yet, or by another diarization model. "
            "The recording waits. Look at its SpeakerProfile.",
            next_step="A voice that the batch looks for is not enrolled yet: wait for its SpeakerProfile to "
            "be Ready, or follow what its status says.",
        ),
        _R.TOO_LITTLE_SPEECH: Failure(
            84,
            _K.INPUT,
            _V.GIVE_UP,
            "Too little clean speech to enrol a voice from. Name a longer recording of this person alone.",
            next_step="There is too little clean speech to enrol a voice from: name a longer recording of "
            "this person alone in the SpeakerProfile.",
        ),
        _R.SEVERAL_PEOPLE: Failure(
            85,
            _K.INPUT,
            _V.GIVE_UP,
            "More than one person speaks in what a voice is enrolled from. Name one of this person alone.",
            next_step="More than one person speaks in an enrolled recording: name one of this person alone, "
            "or a range in which nobody else speaks.",
        ),
        _R.VOICES_DISAGREE: Failure(
            86,
            _K.INPUT,
            _V.GIVE_UP,
            "What a voice is enrolled from does not sound like one person. Remove the recordings of others.",
            next_step="The recordings of a voice do not sound like one person: remove those of others from "
            "the SpeakerProfile.",
        ),
        _R.NOT_INGESTED: Failure(
            87,
            _K.SETUP,
            _V.RETRY_LATER,
            "A voice is enrolled from a recording that is not in the store, or was heard by another "
            "diarization model. Ingest it.",
            next_step="A voice is enrolled from a recording that is not in the store, or was heard by "
            "another model: ingest it with this profile first.",
        ),
        _R.IMAGE_UNAVAILABLE: Failure(
            None,
            _K.SETUP,
            _V.STOP_BATCH,
            "The worker's image cannot be pulled. Check its name, and the pull secret of the profile.",
            2,
            next_step="The worker's image cannot be pulled: correct `pods.image` of the profile or its pull "
            "secret.",
        ),
        _R.IMAGE_SLOW: Failure(
            None,
            _K.SETUP,
            _V.STOP_BATCH,
            "The image was still being pulled after `pods.startDeadlineSeconds`. "
            "Raise that, or bring the image to the nodes first.",
            next_step="The image was still being pulled when time was up: raise `pods.startDeadlineSeconds` "
            "of the profile, or pull the image to the nodes first.",
        ),
        _R.POD_MISCONFIGURED: Failure(
            None,
            _K.SETUP,
            _V.STOP_BATCH,
            "The container cannot be made. Check the Secret, ConfigMaps and volumes that the profile names.",
            2,
            next_step="The container cannot be made: create the Secret, ConfigMap or volume that the "
            "message names.",
        ),
        _R.UNSCHEDULABLE: Failure(
            None,
            _K.SETUP,
            _V.STOP_BATCH,
            "No node took the worker in all the time that the profile allows. "
            "Check that there is such a GPU.",
            next_step="No node takes the worker: free or add a node with such a GPU, or correct resources, "
            "tolerations and node selector in `pods` of the profile.",
        ),
        _R.EVICTED: Failure(
            None,
            _K.LIFECYCLE,
            _V.FORGIVE,
            "The cluster took the pod away: a drain, mostly, or somebody suspended its Job.",
            next_step="The cluster took the pod away (a drain, mostly): nothing to do, it runs again, but "
            "see who drains if it happens often.",
        ),
        _R.QUEUE_PREEMPTED: Failure(
            None,
            _K.LIFECYCLE,
            _V.FORGIVE,
            "Its queue gave its place to other work, or was stopped. It waits in the queue again.",
            next_step="Its queue gave its place to other work or was stopped: wait, or raise the priority "
            "of the profile's queue.",
        ),
        _R.PREEMPTED: Failure(
            None,
            _K.LIFECYCLE,
            _V.FORGIVE,
            "A pod of higher priority took its place. Give workers a priority, or accept the wait.",
            2,
            next_step="A pod of higher priority took its place: give workers a priority class in `pods` of "
            "the profile, or accept the wait.",
        ),
        _R.NODE_PRESSURE: Failure(
            None,
            _K.LIFECYCLE,
            _V.FORGIVE,
            "The node was short of memory, disk or process ids, and ended the pod. Look at the node.",
            2,
            next_step="The node was short of memory, disk or process ids: look at the node and what else "
            "runs on it.",
        ),
        _R.NODE_REJECTED: Failure(
            None,
            _K.LIFECYCLE,
            _V.FORGIVE,
            "The node did not take in a pod that the scheduler gave it. The message has its words.",
            2,
            next_step="The node did not take in a pod that the scheduler gave it: read the node's words in "
            "the message and look at its kubelet.",
        ),
        _R.NODE_RESTARTED: Failure(
            None,
            _K.LIFECYCLE,
            _V.FORGIVE,
            "The node shut down or restarted under the process: "
            "nobody knows how that ended. Look at the node.",
            2,
            next_step="The node shut down or restarted under the process: find out why, the recording runs "
            "again by itself.",
        ),
        _R.NODE_LOST: Failure(
            None,
            _K.LIFECYCLE,
            _V.FORGIVE,
            "The node stopped answering. What may still run there has lost its claim and stores nothing.",
            1,
            next_step="The node stopped answering: look at the node or delete it, the recording runs again "
            "elsewhere.",
        ),
        _R.NODE_TAINTED: Failure(
            None,
            _K.LIFECYCLE,
            _V.FORGIVE,
            "A taint took the pod off its node: somebody wants the node free, or it was not ready.",
            2,
            next_step="A taint took the pod off its node: see who tainted it, or tolerate the taint in "
            "`pods` of the profile.",
        ),
        _R.INTERRUPTED: Failure(
            143,
            _K.LIFECYCLE,
            _V.FORGIVE,
            "The process was asked to end (SIGTERM) and did so cleanly.",
            next_step="The process was asked to end and did so cleanly: nothing to do, it runs again.",
        ),
        _R.PACK_ENDED: Failure(
            90,
            _K.LIFECYCLE,
            _V.FORGIVE,
            "The Job that it shared with other short recordings ended before this one began, "
            "or nobody knows how it did there. It runs again in a Job of its own.",
            next_step="The Job that it shared with other recordings ended before its turn: nothing to do, "
            "it runs again in a Job of its own.",
        ),
        _R.DEADLINE_EXCEEDED: Failure(
            None,
            _K.LIFECYCLE,
            _V.RETRY,
            "The run took far longer than its media should need, and was ended.",
            next_step="The run took far longer than its media should need: read `ingestctl logs` for the "
            "stage that hangs, then run `ingestctl retry`.",
        ),
        _R.KILLED: Failure(
            None,
            _K.LIFECYCLE,
            _V.RETRY,
            "The process was killed from outside and nobody said why.",
            next_step="Somebody killed the process and left no reason: look at the node's log (OOM killer, "
            "an operator's hand) at that time, then run `ingestctl retry`.",
        ),
        _R.RECEIPT_MISSING: Failure(
            None,
            _K.LIFECYCLE,
            _V.RETRY,
            "The worker said it was done but left no receipt, so nothing is believed.",
            next_step="The worker said it was done and left no receipt: use images of one version for "
            "operator and workers, then run `ingestctl retry`.",
        ),
        _R.UNKNOWN: Failure(
            1,
            _K.ENGINE,
            _V.RETRY,
            "An error nobody has named yet. Please report it with its message, so that it gets a name.",
            next_step="An error that has no name yet: read `ingestctl logs`, and report it with its message "
            "so that it gets one.",
        ),
    }
)
"""Every reason's row. Exit codes stay below 125 (a shell's and a container runtime's own), except 143, the
code of SIGTERM."""

RETRIED_ONCE: Final = frozenset(
    {Reason.UNKNOWN, Reason.TRUNCATED, Reason.UNAVAILABLE, Reason.EXTRACTOR_BROKEN, Reason.DATABASE_REJECTED}
)
"""Charged reasons that rarely go away: one retry, whatever `maxAttempts` says."""

SITE_BREAKERS: Final = frozenset({Reason.BOT_CHECK, Reason.RATE_LIMITED, Reason.PROXY_FAILED})
"""Reasons of a whole site, not of one recording: nothing new starts there for a while, in any batch of the
profile, then one recording probes."""

BREAKERS: Final = SITE_BREAKERS | {Reason.DATABASE_UNAVAILABLE, Reason.DATABASE_TOO_SLOW}
"""Reasons of the whole batch, not of one recording:
nothing new starts for a while, then one recording probes."""

CHARGED: Final = frozenset({Verdict.RETRY, Verdict.RETRY_ELSEWHERE, Verdict.GIVE_UP})
"""Verdicts that charge one of the recording's `maxAttempts`."""

OK_EXIT: Final = 0
"""The exit code of a worker whose result is committed."""

_BY_EXIT_CODE: Final = MappingProxyType(
    {row.exit_code: reason for reason, row in FAILURES.items() if row.exit_code is not None}
)


def reason_of_exit(code: int) -> Reason:
    """The reason behind a worker's exit code; `UNKNOWN` for a code that is not in the table."""
    return _BY_EXIT_CODE.get(code, Reason.UNKNOWN)
