"""`ingestctl serve` and `mcp`: the corpus for browsers, programs and agents."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from ingestctl.backends.port import CommandError
from ingestctl.commands.app import app
from ingestctl.consoles import people
from ingestctl.options import Dsn, Home, Model, ModelSet
from ingestctl.place import Workplace


@app.command(epilog="Example: ingestctl serve --port 8300")
def serve(  # noqa: PLR0913, PLR0917  the options of a command are its parameters
    host: Annotated[
        str, typer.Option("--host", help="The address to listen on. Beyond this machine it asks for a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65_535)] = 8300,
    token_file: Annotated[
        Path | None,
        typer.Option(
            "--token-file",
            help="A file with a token: programs show it as a bearer's, browsers ask for it as a password.",
        ),
    ] = None,
    behind_ingress: Annotated[  # noqa: FBT002  an option is always named
        bool,
        typer.Option(
            "--behind-ingress", help="Something in front of it decides who may ask: listen without a token."
        ),
    ] = False,
    youtube: Annotated[  # noqa: FBT002  an option is always named
        bool,
        typer.Option(
            "--youtube/--no-youtube",
            help="Whether pages of YouTube's recordings play them in a frame of youtube-nocookie.com, "
            "once somebody asks for it. Without, times link to YouTube.",
        ),
    ] = True,
    model_set: ModelSet = None,
    model: Model = None,
    dsn: Dsn = None,
    home: Home = None,
) -> None:
    """Serve what is stored: pages for people, JSON under /api/v1, MCP for agents under /mcp.

    It only reads: its database sessions cannot write. Ctrl-C ends it.
    """
    from ingest_reader.app import application
    from ingest_reader.doors import TokenError, is_loopback
    from ingest_reader.serving import Door, ListeningError, access_of, ended_by_signals, said_of
    from ingest_reader.serving import serve as listen
    from ingestctl.reader import announced, opened

    door = Door(host, port, token_file, behind_ingress)
    try:
        access = access_of(door)
    except ListeningError as error:
        hint = "--token-file" if isinstance(error.__cause__, TokenError) else "--host"
        raise typer.BadParameter(str(error), param_hint=hint) from error
    place = Workplace.of(home, dsn)
    with ExitStack() as stack:
        stack.enter_context(ended_by_signals())
        corpus = stack.enter_context(opened(place, model_set, model))

        def tell(at: Door) -> None:
            if is_loopback(at.host) and not (model_set or model):
                stack.enter_context(announced(place, at.host, at.port, token_file))
            people().print(said_of(at, access))

        if not listen(application(corpus, access, youtube=youtube), door, tell):
            raise CommandError(f"{host}:{port} cannot be listened on: name another --port or --host")


@app.command(epilog="Example: ingestctl mcp --dsn postgresql://reader@db.example/ingest")
def mcp(model_set: ModelSet = None, model: Model = None, dsn: Dsn = None, home: Home = None) -> None:
    """Answer an agent by the Model Context Protocol on standard input and output.

    Tools: search, get_passage, transcript, list_recordings, list_speakers, list_voices. Every answer cites
    title, speaker, time and a link. It only reads. It ends when its client closes the input, and by SIGTERM
    or Ctrl-C.
    """
    from ingest_reader.agents.server import agents_server
    from ingest_reader.agents.stdio import serve_stdio
    from ingest_reader.serving import ended_by_signals
    from ingestctl.reader import opened

    with ended_by_signals(), opened(Workplace.of(home, dsn), model_set, model) as corpus:
        serve_stdio(agents_server(corpus))
