"""The recordings of the benchmark, as long-winded as real ones, and the pods that ingest them: they leave a
receipt as workers do."""

import random
from collections.abc import Callable, Mapping
from typing import Final

from ingest_contract.order import IngestOrder, Item, PlanOrder
from ingest_contract.receipt import Coverage, Effective, Memory, Quality, Receipt, Speakers, StageFigures
from ingest_contract.stages import Stage
from testkit.cluster.kubelet_order import order_of
from testkit.cluster.life import Life, Script, told
from testkit.cluster.lives import plans

Seconds = Callable[[], float | None]
"""How long the next pod runs; None: until somebody ends it."""

LOCKSTEP: Final[Seconds] = lambda: 0.2  # noqa: E731 -- a constant function, beside the one below
"""All pods run equally short."""

MEDIA: Final = 3471.0


def spread(least: float = 10.0, most: float = 30.0) -> Seconds:
    """Pods end one by one, as those of recordings do."""
    dice = random.Random(4)  # noqa: S311 -- the same every time
    return lambda: dice.uniform(least, most)


def recording(index: int) -> Item:
    """One of a channel's talks."""
    identity = f"{random.Random(index).getrandbits(60):011x}"[:11]  # noqa: S311 -- the same every time
    return Item(
        index=index,
        id=f"youtube:{identity}",
        url=f"https://www.youtube.com/watch?v={identity}",
        title=f"Talk {index}: how Postgres keeps rows, and what vacuum does about it",
        duration_seconds=int(MEDIA),
        published_at="2025-03-01T12:00:00Z",
        channel="Database talks",
    )


def receipt() -> Receipt:
    """What a worker on a GPU says when all went well."""
    figures = {stage: StageFigures(seconds=12.345) for stage in Stage}
    on_gpu = StageFigures(seconds=123.456, batch=16, peak_vram_mib=9876, computing_seconds=98.765)
    figures |= dict.fromkeys((Stage.TRANSCRIBE, Stage.DIARIZE, Stage.EMBED), on_gpu)
    models = dict.fromkeys(("transcription", "diarization", "embedding"), "a-model-of-some-size@0123456789ab")
    return Receipt(
        result="Succeeded",
        seconds=321.123,
        media_seconds=MEDIA,
        overhead_seconds=4.321,
        computing_seconds=276.543,
        computing_by="Driver",
        stages=figures,
        run_id="0b3f6c1e-7d2a-4c58-9a51-3f0f7c1d2e4b",
        coverage=Coverage(
            speech_seconds=3100.5,
            voiced_seconds=3090.2,
            words=9000,
            attributed_words=8990,
            segments=210,
            vectors=210,
        ),
        speakers=Speakers(found=3, named=2),
        quality=Quality(language="en", chunks=130, redecoded=2, dropped=0, dropped_seconds=0.0),
        memory=Memory(
            peak_rss_mib=4321,
            gpu_uuid="GPU-0b3f6c1e-7d2a-4c58-9a51-3f0f7c1d2e4b",
            free_vram_at_start_mib=23456,
            peak_vram_mib=9876,
        ),
        effective=Effective(
            device="cuda",
            compute_type="int8_float16",
            threads=4,
            transcription_batch=16,
            diarization_batch=32,
            embedding_batch_tokens=16384,
            models=models,
        ),
    )


def script(count: int | Mapping[str, int], seconds: Seconds = lambda: 0.0) -> Script:
    """Plans find so many recordings, by `<namespace>/<name>` of the batch where batches differ; each pod runs
    as long as `seconds` says."""
    end = told(receipt())
    sizes = {count} if isinstance(count, int) else set(count.values())
    found = {each: plans(tuple(recording(index) for index in range(each))) for each in sizes}

    def choose(pod: dict[str, object]) -> Life:
        order = order_of(pod)
        if isinstance(order, PlanOrder):
            return found[count if isinstance(count, int) else count[order.batch]]
        assert isinstance(order, IngestOrder)
        return Life(end=end, seconds=seconds())

    return choose
