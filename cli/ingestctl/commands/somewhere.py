"""Where a command about batches works. The options for it are stated here once; a command takes a `Where`."""

import functools
import inspect
from collections.abc import Callable, Iterator
from inspect import Parameter
from typing import Annotated, Any, Final

import typer

from ingestctl.backends.choice import Where
from ingestctl.options import Home

TAKES: Final = "where"
"""The parameter in whose place the options stand."""


def _place(
    of: typer.Context,
    *,
    namespace: Annotated[
        str | None,
        typer.Option(
            "--namespace",
            "-n",
            help="The batch's namespace. Omitted: the context's; on this machine, default.",
        ),
    ] = None,
    context: Annotated[
        str | None,
        typer.Option("--context", help="A cluster instead of this machine: this context of your kubeconfig."),
    ] = None,
    kubeconfig: Annotated[
        str | None,
        typer.Option(
            "--kubeconfig", help="A cluster instead of this machine: the current context of this file."
        ),
    ] = None,
    cluster: Annotated[
        bool,
        typer.Option(
            "--cluster",
            help="The current context of your kubeconfig instead of this machine; "
            "for `kubectl ingest` always.",
        ),
    ] = False,
    home: Home = None,
) -> Where:
    """Return where a command works. Its parameters are the options."""
    return Where(namespace, context, kubeconfig, cluster or Where.is_plugin(of), home)


_OPTIONS: Final = inspect.signature(_place).parameters


def somewhere(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose keyword parameter `where: Where` is filled from options for it.

    typer reads the options of a command from its signature, so `where` is replaced there by the parameters of
    `_place`, in the same position of `--help`.
    """
    signature = inspect.signature(command)

    @functools.wraps(command)
    def called(**given: Any) -> None:
        place = {name: given.pop(name) for name in _OPTIONS}
        command(**given, where=_place(**place))

    called.__signature__ = signature.replace(parameters=tuple(_expanded(signature)))  # type: ignore[attr-defined]  # a function takes it
    return called


def _expanded(signature: inspect.Signature) -> Iterator[Parameter]:
    for parameter in signature.parameters.values():
        if parameter.name == TAKES:
            for option in _OPTIONS.values():
                yield option.replace(kind=Parameter.KEYWORD_ONLY)
        else:
            yield parameter
