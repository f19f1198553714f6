"""What a person reads about each mistake in a file: one line, with the field's name, what is wrong, and every
mistake at once."""

from pathlib import Path

import pytest
import yaml

from ingest_contract.batch import IngestBatch
from ingest_contract.documents import InvalidDocumentError, parse, read
from ingest_contract.profile import IngestProfile

HEAD = "apiVersion: video-ingest.dev/v1alpha1\nkind: IngestBatch\nmetadata: {name: talks}\n"
SOURCES = "  sources: [{url: 'https://media.example.org/talk.mp4'}]\n"
SPEC = "spec:\n" + SOURCES
FIELDS = (
    "dryRun, parallelism, profileRef, reprocess, retry, retryFailed, retryRecordings, "
    "select, sources, speakers, suspend, suspendMode, transcription"
)

LABEL, DOMAIN, DATE = (
    "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
    "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
    "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
)
ONE_KIND = "exactly one of url, configMap, secret, volume, objectStore and store must be set"
QUOTE = "must be a text; put it in quotes if it is meant as one"

WHOLE = {
    "an empty file": ("", "the file is empty; `ingestctl example` prints a batch to start from"),
    "comments only": (
        "# nothing\n---\n",
        "the file is empty; `ingestctl example` prints a batch to start from",
    ),
    "not YAML": (
        HEAD + "spec: [",
        (
            "not YAML: "
            "while parsing a flow node expected the node content, but found '<stream end>', line 4, column 8"
        ),
    ),
    "a tab for an indent": (
        HEAD + "spec:\n\tsources: []",
        "not YAML: while scanning for the next token found character '\\t' that cannot start",
    ),
    "a list": ("- talks\n", "a mapping with apiVersion, kind, metadata and spec is wanted, not ['talks']"),
    "a text": ("talks", "a mapping with apiVersion, kind, metadata and spec is wanted, not 'talks'"),
    "another kind": (
        HEAD.replace("IngestBatch", "Pod"),
        "kind: must be one of IngestBatch, IngestProfile, IngestSchedule, SpeakerProfile, not 'Pod'",
    ),
    "no kind": (
        "apiVersion: v1\n",
        "kind: must be one of IngestBatch, IngestProfile, IngestSchedule, SpeakerProfile, not nothing",
    ),
    "another version": (
        HEAD.replace("v1alpha1", "v1"),
        "apiVersion: must be video-ingest.dev/v1alpha1, not 'video-ingest.dev/v1'",
    ),
    "no apiVersion": ("kind: IngestBatch\n", "apiVersion: must be video-ingest.dev/v1alpha1, not nothing"),
    "no spec": (HEAD, "spec: is required"),
    "an empty spec": (HEAD + "spec:\n", "spec: must be a mapping of fields, not nothing"),
    "no sources": (HEAD + "spec: {}\n", "spec.sources: is required"),
    "no metadata": ((HEAD + SPEC).replace("metadata: {name: talks}\n", ""), "metadata: is required"),
    "no name": ((HEAD + SPEC).replace("{name: talks}", "{}"), "metadata.name: is required"),
    "a bad name": (
        (HEAD + SPEC).replace("talks}", "My Talks}"),
        "metadata.name: must match ^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$, not 'My Talks'",
    ),
    "a key that stands twice": (
        HEAD + SPEC + "  parallelism: 1\n  parallelism: 2\n",
        "not YAML: `parallelism` stands twice, line 7, column 3",
    ),
    "a Python object": (
        HEAD + SPEC + "  mood: !!python/name:os.system\n",
        "not YAML: could not determine a constructor for the tag",
    ),
    "a day that YAML itself does not know": (
        HEAD + SPEC + "  mood: !!timestamp 2025-02-30\n",
        "not YAML: day is out of range for month",
    ),
}
"""A file to the beginning of its one line."""

IN_SOURCES = {
    "an empty list": ("[]", "sources: must have at least one entry"),
    "a mapping for a list": ("{url: 'https://a'}", "sources: must be a list, not {'url': 'https://a'}"),
    "a text for a source": ("['https://a']", "sources[0]: must be a mapping of fields, not 'https://a'"),
    "two kinds in one": (
        "[{url: 'https://a', volume: {claimName: c}}]",
        f"sources[0]: {ONE_KIND}, not url and volume",
    ),
    "no kind at all": ("[{speakers: {max: 2}}]", f"sources[0]: {ONE_KIND}, not none"),
    "a scheme that nobody fetches": (
        "[{url: 'ftp://a'}]",
        "sources[0].url: must match ^(https?|file)://.+, not 'ftp://a'",
    ),
    "the second of two": ("[{url: 'https://a'}, {url: 7}]", f"sources[1].url: {QUOTE}, not 7"),
    "a volume without its claim": ("[{volume: {glob: '*.mp4'}}]", "sources[0].volume.claimName: is required"),
    "a misspelt field": (
        "[{url: 'https://a', speaker: {max: 2}}]",
        "sources[0].speaker: no such field; did you mean `speakers`?",
    ),
    "a range upside down": (
        "[{url: 'https://a', speakers: {min: 3, max: 2}}]",
        "sources[0].speakers: min must not be above max",
    ),
    "too many": (
        f"[{', '.join(['{url: https://a}'] * 101)}]",
        "sources: must have at most 100 entries, not 101",
    ),
}

STORED = "sources: [{store: {}}]\n  reprocess: IfPipelineChanged"

IN_STORED = {
    "nothing said of what has changed": (
        "sources: [{store: {}}]",
        "sources of the store are taken where something has changed: set reprocess to IfPipelineChanged",
    ),
    "what is stored beside what is fetched": (
        STORED.replace("}]", "}, {url: 'https://a'}]"),
        "sources of the store must not stand beside others: make two batches",
    ),
    "a number of speakers for what was heard": (
        STORED.replace("{}}", "{}, speakers: {max: 2}}"),
        "sources[0]: recordings of the store keep the speakers that were heard: omit speakers",
    ),
    "a language for what was heard": (
        STORED + "\n  transcription: {language: en}",
        "recordings of the store keep the words that were heard: omit transcription",
    ),
}

IN_SPEC = {
    "an unknown field": ("mood: good", f"mood: no such field; known fields here are {FIELDS}"),
    "a misspelt field": ("paralellism: 2", "paralellism: no such field; did you mean `parallelism`?"),
    "snake case": ("retry_failed: x", "retry_failed: no such field; did you mean `retryFailed`?"),
    "a float where an integer belongs": ("parallelism: 2.5", "parallelism: must be a whole number, not 2.5"),
    "a whole float where an integer belongs": (
        "parallelism: 2.0",
        "parallelism: must be a whole number, not 2.0",
    ),
    "a text for a number": ("parallelism: '4'", "parallelism: must be a whole number, not '4'"),
    "no number at all": ("parallelism: .nan", "parallelism: must be a whole number, not nan"),
    "nothing": ("parallelism:", "parallelism: must be a whole number, not nothing"),
    "too little": ("parallelism: 0", "parallelism: should be greater than or equal to 1, not 0"),
    "too much": ("parallelism: 501", "parallelism: should be less than or equal to 500, not 501"),
    "a bad duration": (
        "select: {minDurationSeconds: 1h}",
        "select.minDurationSeconds: must be a whole number, not '1h'",
    ),
    "a negative duration": (
        "select: {minDurationSeconds: -1}",
        "select.minDurationSeconds: should be greater than or equal to 0, not -1",
    ),
    "a date in another form": (
        "select: {publishedAfter: 1.2.2025}",
        f"select.publishedAfter: must match {DATE}, not '1.2.2025'",
    ),
    "a day that is not": (
        "select: {publishedAfter: 2025-02-30}",
        "select.publishedAfter: must be a day of the calendar, not '2025-02-30'",
    ),
    "a year alone": ("select: {publishedAfter: 2025}", f"select.publishedAfter: {QUOTE}, not 2025"),
    "dates upside down": (
        "select: {publishedAfter: 2025-02-01, publishedBefore: 2025-01-01}",
        "select: publishedAfter must not be above publishedBefore",
    ),
    "an unknown order": (
        "select: {order: Longest}",
        "select.order: should be 'LongestFirst', 'ShortestFirst', 'NewestFirst' or 'Source', not 'Longest'",
    ),
    "a language by name": (
        "transcription: {language: english}",
        "transcription.language: should have at most 3 characters, not 'english'",
    ),
    "Norwegian": (
        "transcription: {language: no}",
        f"transcription.language: {QUOTE}, not False",
    ),
    "a text for a truth": ("suspend: 'true'", "suspend: must be true or false, not 'true'"),
    "an unknown mode": ("suspendMode: Drian", "suspendMode: should be 'Drain' or 'Kill', not 'Drian'"),
    "a number for a mapping": ("retry: 3", "retry: must be a mapping of fields, not 3"),
    "a percentage with its sign": (
        "retry: {maxFailedPercent: 50%}",
        "retry.maxFailedPercent: must be a whole number, not '50%'",
    ),
    "a number for a token": ("retryFailed: 7", f"retryFailed: {QUOTE}, not 7"),
    "a text that is too long": (
        f"retryFailed: {'x' * 65}",
        f"retryFailed: should have at most 64 characters, not '{'x' * 56}...",
    ),
    "a bad profile name": (
        "profileRef: {name: My_Profile}",
        f"profileRef.name: must match {DOMAIN}, not 'My_Profile'",
    ),
    "a text for a list": ("speakers: {profiles: ann}", "speakers.profiles: must be a list, not 'ann'"),
}


def mistakes(folder: Path, text: str) -> list[str]:
    """What `read` says about a file, without the file's name."""
    path = folder / "batch.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidDocumentError) as caught:
        read(path)
    assert all(line.startswith(f"{path}: ") and "\n" not in line for line in caught.value.mistakes)
    return [line.removeprefix(f"{path}: ") for line in caught.value.mistakes]


@pytest.mark.parametrize(("text", "line"), WHOLE.values(), ids=WHOLE)
def test_a_mistake_in_a_whole_file_is_one_line(tmp_path: Path, text: str, line: str) -> None:
    (found,) = mistakes(tmp_path, text)
    assert found.startswith(line)


@pytest.mark.parametrize(("value", "line"), IN_SOURCES.values(), ids=IN_SOURCES)
def test_a_mistake_in_the_sources_is_one_line(tmp_path: Path, value: str, line: str) -> None:
    assert mistakes(tmp_path, f"{HEAD}spec: {{sources: {value}}}\n") == [f"spec.{line}"]


@pytest.mark.parametrize(("field", "line"), IN_SPEC.values(), ids=IN_SPEC)
def test_a_mistake_in_a_field_is_one_line(tmp_path: Path, field: str, line: str) -> None:
    assert mistakes(tmp_path, f"{HEAD}{SPEC}  {field}\n") == [f"spec.{line}"]


@pytest.mark.parametrize(("spec", "line"), IN_STORED.values(), ids=IN_STORED)
def test_a_mistake_in_what_is_taken_from_the_store_is_one_line(tmp_path: Path, spec: str, line: str) -> None:
    (found,) = mistakes(tmp_path, f"{HEAD}spec:\n  {spec}\n")
    assert found.removeprefix("spec").lstrip(".: ") == line


def test_all_mistakes_of_all_documents_are_reported_at_once(tmp_path: Path) -> None:
    first = HEAD + SPEC + "  parallelism: many\n  suspend: 1\n  mood: good\n"
    profile = (
        "apiVersion: video-ingest.dev/v1alpha1\nkind: IngestProfile\nmetadata: {name: p}\n"
        "spec: {runtime: {device: Tpu}}\n"
    )
    assert mistakes(tmp_path, f"{first}---\n{profile}---\nkind: Pod\n") == [
        "spec.parallelism: must be a whole number, not 'many'",
        "spec.suspend: must be true or false, not 1",
        f"spec.mood: no such field; known fields here are {FIELDS}",
        "spec.runtime.device: should be 'Auto', 'Cuda' or 'Cpu', not 'Tpu'",
        "kind: must be one of IngestBatch, IngestProfile, IngestSchedule, SpeakerProfile, not 'Pod'",
    ]


def test_several_documents_come_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "both.yaml"
    path.write_text(HEAD + SPEC + "---\n" + HEAD.replace("IngestBatch", "IngestProfile"), encoding="utf-8")
    assert [type(document) for document in read(path)] == [IngestBatch, IngestProfile]


def test_a_date_needs_no_quotes_and_metadata_may_hold_what_clusters_put_there() -> None:
    metadata = {"name": "talks", "labels": {"team": "media"}, "annotations": {}}
    document = {"apiVersion": "video-ingest.dev/v1alpha1", "kind": "IngestBatch", "metadata": metadata}
    batch = parse(
        document | {"spec": {"sources": [{"url": "https://a"}], "select": {"publishedAfter": "2025-01-01"}}}
    )
    assert isinstance(batch, IngestBatch)
    assert batch.spec.select.published_after == "2025-01-01"


def test_a_file_that_is_not_there_is_an_error_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "none.yaml")


def test_bytes_that_are_no_text_are_reported_as_such(tmp_path: Path) -> None:
    path = tmp_path / "batch.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidDocumentError, match="not YAML"):
        read(path)


@pytest.mark.parametrize(
    "given",
    [
        "ftp://ann:geheim@h/feed",
        "[https://ann:geheim@h/feed]",
        "{a: 'http://h/?token=geheim'}",
        '"ftp://ann:ge\'geheim@h/feed"',
    ],
)
def test_a_mistake_is_reported_without_the_credentials_of_an_address(given: str) -> None:
    text = f"{HEAD}spec: {{sources: [{{url: {given}}}]}}\n"
    with pytest.raises(InvalidDocumentError) as caught:
        parse(yaml.safe_load(text))
    assert "spec.sources[0].url" in str(caught.value)
    assert "geheim" not in str(caught.value)


def test_a_syntax_error_is_reported_without_the_credentials_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "batch.yaml"
    path.write_text("spec: {sources: [{url: https://ann:geheim@host/x\n", encoding="utf-8")
    with pytest.raises(InvalidDocumentError, match="not YAML") as caught:
        read(path)
    assert "geheim" not in str(caught.value)
