"""The commands, their options and their help: what the user reads. One module per group; each calls the
module that does the work."""

from ingestctl.asking.command import EXAMPLES, search
from ingestctl.commands.app import app
from ingestctl.commands.batches import run
from ingestctl.commands.completion import completion
from ingestctl.commands.doctor import doctor, migrate
from ingestctl.commands.following import list_batches, status, watch, why
from ingestctl.commands.forgetting import forget, lift_tombstone, list_tombstones
from ingestctl.commands.logs import logs
from ingestctl.commands.models import fetch, list_sets, lock_set, verify
from ingestctl.commands.planning import plan
from ingestctl.commands.reading import export
from ingestctl.commands.reporting import report_batch
from ingestctl.commands.serving import mcp, serve
from ingestctl.commands.setup import crd, example
from ingestctl.commands.steering import resume, retry, suspend
from ingestctl.commands.verify import verify_store
from ingestctl.commands.voices import (
    correct_voice,
    history,
    list_voices,
    merge_voices,
    name_voice,
    show_voice,
    split_voice,
    undo_decision,
)

app.command(epilog=EXAMPLES)(search)

__all__ = [
    "app",
    "completion",
    "correct_voice",
    "crd",
    "doctor",
    "example",
    "export",
    "fetch",
    "forget",
    "history",
    "lift_tombstone",
    "list_batches",
    "list_sets",
    "list_tombstones",
    "list_voices",
    "lock_set",
    "logs",
    "mcp",
    "merge_voices",
    "migrate",
    "name_voice",
    "plan",
    "report_batch",
    "resume",
    "retry",
    "run",
    "search",
    "serve",
    "show_voice",
    "split_voice",
    "status",
    "suspend",
    "undo_decision",
    "verify",
    "verify_store",
    "watch",
    "why",
]
