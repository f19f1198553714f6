"""`ingestctl example` and `ingestctl crd`: examples and definitions to start from."""

from typing import Final

import typer
import yaml

from ingest_contract.crd import definitions
from ingestctl.commands.app import app

EXAMPLE: Final = (
    """\
# A batch of recordings. `ingestctl run batch.yaml` here, or `kubectl apply -f batch.yaml` in a cluster.
# Only `sources` must be written; docs/reference.md has every field.
apiVersion: video-ingest.dev/v1alpha1
kind: IngestBatch
metadata:
  name: my-first-batch
spec:
  sources:
    - url: https://www.youtube.com/@channel/videos   # or a playlist, feed, media file; """
    "or file:///folder with an allowed folder\n"
    """\
  select:
    limit: 10
  transcription:
    language: en
"""
)


@app.command(epilog="Example: ingestctl example > batch.yaml")
def example() -> None:
    """Print a batch to start from."""
    typer.echo(EXAMPLE, nl=False)


@app.command(epilog="Example: ingestctl crd | kubectl apply -f -")
def crd() -> None:
    """Print the CustomResourceDefinitions, for `kubectl apply -f -`."""
    typer.echo(
        "---\n".join(yaml.safe_dump(definition, sort_keys=False) for definition in definitions().values()),
        nl=False,
    )
