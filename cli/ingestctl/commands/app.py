"""The command's root, and the options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from ingest_operator.local.sources import Mounts
from ingestctl.options import root

app = root()

ItsName = Annotated[str, typer.Argument(help="The batch.", metavar="BATCH")]
Namespace = Annotated[str, typer.Option("--namespace", "-n", help="The batch's namespace.")]
Files = Annotated[
    list[Path],
    typer.Argument(
        help="The batch; profiles and voices may be in the same file or in others.", metavar="FILE"
    ),
]
Volumes = Annotated[
    list[str] | None,
    typer.Option("--volume", help="CLAIM=FOLDER: where a volume source is on this machine."),
]
ConfigMaps = Annotated[
    list[str] | None,
    typer.Option("--config-map", help="NAME=FOLDER: where a ConfigMap's keys are as files."),
]
Secrets = Annotated[
    list[str] | None,
    typer.Option("--secret", help="NAME=FOLDER: where the keys of a Secret are as files."),
]
Cookies = Annotated[
    Path | None,
    typer.Option(
        "--cookies",
        help="A file with cookies in Netscape's format, for every site of this run.",
        exists=True,
        dir_okay=False,
        readable=True,
    ),
]


def mounted(
    volumes: list[str] | None, config_maps: list[str] | None, secrets: list[str] | None, cookies: Path | None
) -> Mounts:
    """What the options say of this machine in place of a cluster's. Raises `typer.BadParameter`."""
    return Mounts(
        pairs(volumes, "--volume"),
        pairs(config_maps, "--config-map"),
        pairs(secrets, "--secret"),
        cookies,
    )


def pairs(values: list[str] | None, option: str) -> dict[str, Path]:
    """What a repeated `NAME=FOLDER` option says. Raises `typer.BadParameter`."""
    found: dict[str, Path] = {}
    for value in values or ():
        name, mark, folder = value.partition("=")
        path = Path(folder).expanduser()
        if not name or not mark or not path.is_dir():
            raise typer.BadParameter(
                f"NAME=FOLDER is wanted, with a folder that exists, not {value!r}", param_hint=option
            )
        found[name] = path
    return found
