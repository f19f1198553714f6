"""What pages said, remembered in this process: for who reads it afterwards."""

from collections.abc import Mapping, Sequence

from typing_extensions import override

from ingest_worker.details import Detail, Memory


class MemoryInProcess(Memory):
    """Implements `Memory` in a dictionary."""

    def __init__(self) -> None:
        self.details: dict[str, Detail] = {}

    @override
    def recall(self, ids: Sequence[str], /) -> Mapping[str, Detail]:
        return {name: self.details[name] for name in ids if name in self.details}

    @override
    def remember(self, details: Mapping[str, Detail], /) -> None:
        self.details |= details
