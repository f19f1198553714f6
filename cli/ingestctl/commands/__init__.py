"""The commands, their options and their help: what the user reads. One module per group; each calls the
module that does the work."""

from ingestctl.commands.app import app
from ingestctl.commands.batches import run, status
from ingestctl.commands.doctor import doctor, migrate
from ingestctl.commands.forgetting import forget, lift_tombstone, list_tombstones
from ingestctl.commands.models import fetch, list_sets, lock_set, verify
from ingestctl.commands.reading import export, search
from ingestctl.commands.serving import mcp, serve
from ingestctl.commands.setup import crd, example
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

__all__ = [
    "app",
    "correct_voice",
    "crd",
    "doctor",
    "example",
    "export",
    "fetch",
    "forget",
    "history",
    "lift_tombstone",
    "list_sets",
    "list_tombstones",
    "list_voices",
    "lock_set",
    "mcp",
    "merge_voices",
    "migrate",
    "name_voice",
    "run",
    "search",
    "serve",
    "show_voice",
    "split_voice",
    "status",
    "undo_decision",
    "verify",
]
