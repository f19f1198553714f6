"""Tools that refuse what they do not know: the SDK drops an argument that a tool has not, and a misspelt
filter would widen the answer without a word."""

from collections.abc import Callable
from typing import Any, Final

from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase
from mcp_types import ToolAnnotations
from pydantic import ConfigDict, create_model, model_validator
from pydantic_core import PydanticCustomError

from ingest_reader.problems import quoted

_READS: Final = ToolAnnotations(readOnlyHint=True, idempotentHint=True, openWorldHint=False)


class _KnownOnly(ArgModelBase):
    """Arguments, and no others: the schema that an agent sees says so, too."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown(cls, given: dict[str, Any]) -> dict[str, Any]:
        unknown = next((name for name in given if name not in cls.model_fields), None)
        if unknown is not None:
            there_are = ", ".join(cls.model_fields)
            # Its own message: pydantic's would name the argument and none that there are.
            said = "There is no argument {unknown}; there are {there_are}."
            raise PydanticCustomError(
                "unknown_argument", said, {"unknown": quoted(unknown), "there_are": there_are}
            )
        return given


def reading_tool(function: Callable[..., Any]) -> Tool:
    """A tool that only reads, made of a function: its name, docstring, parameters and annotation of what it
    returns are what an agent sees."""
    tool = Tool.from_function(function, annotations=_READS, structured_output=True)
    theirs = tool.fn_metadata.arg_model
    strict = create_model(theirs.__name__, __base__=(_KnownOnly, theirs))
    return tool.model_copy(
        update={
            "fn_metadata": tool.fn_metadata.model_copy(update={"arg_model": strict}),
            "parameters": strict.model_json_schema(by_alias=True),
        }
    )
