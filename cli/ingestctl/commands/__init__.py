"""The commands, their options and their help: what the user reads. One module per group; each calls the
module that does the work."""

from types import MappingProxyType
from typing import Final

MODULES: Final = MappingProxyType(
    {
        "run": "batches",
        "completion": "completion",
        "doctor": "doctor",
        "migrate": "doctor",
        "list": "following",
        "status": "following",
        "watch": "following",
        "why": "following",
        "forget": "forgetting",
        "tombstones": "forgetting",
        "logs": "logs",
        "models": "models",
        "plan": "planning",
        "export": "reading",
        "report": "reporting",
        "serve": "serving",
        "mcp": "serving",
        "crd": "setup",
        "example": "setup",
        "suspend": "steering",
        "resume": "steering",
        "retry": "steering",
        "verify": "verify",
        "voices": "voices",
    }
)
"""Command to the module here that has it. To import all of them takes longer than most commands: one that is
named needs its own."""
