"""What recordings' pages said, for a child that plans. Called by `apart`."""

from pydantic import ValidationError

from ingest_worker.details import Detail, Memory
from ingest_worker.sandbox.process import Said
from ingest_worker.sources.answers import texts
from ingest_worker.sources.child_reports import garbled


class Remembering:
    """Answers a child that asks the memory, or tells it something about what it has asked for."""

    def __init__(self, memory: Memory) -> None:
        self._memory, self._asked_for = memory, set[str]()

    def answer(self, line: Said) -> Said:
        """The answer to a line. Raises `StageError`, also for what no child of ours says."""
        if "recall" in line:
            asked = texts(line["recall"])
            self._asked_for.update(asked)
            return {"details": {name: each.to_said() for name, each in self._memory.recall(asked).items()}}
        said = line["remember"]
        if not isinstance(said, dict) or not said.keys() <= self._asked_for:
            raise garbled()
        try:
            self._memory.remember({name: Detail.from_said(each) for name, each in said.items()})
        except ValidationError as error:
            raise garbled() from error
        return {"kept": True}
