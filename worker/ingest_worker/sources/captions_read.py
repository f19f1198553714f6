"""Captions on their way from the process that meets sites to the pipeline: read, and without secrets. Called
by `apart`."""

from dataclasses import replace

from ingest_worker.captions.process import captions_in
from ingest_worker.captions.values import CaptionFile, NoCaptions
from ingest_worker.domain import Media
from ingest_worker.hiding import hidden


def read(media: Media) -> Media:
    """The media, with what is in the file of their captions."""
    if not isinstance(media.captions, CaptionFile):
        return media
    return replace(media, captions=captions_in(media.captions))


def without_secrets(media: Media) -> Media:
    """The media, and no secret in what is said of their captions."""
    if not isinstance(media.captions, NoCaptions):
        return media
    return replace(media, captions=replace(media.captions, message=hidden(media.captions.message)))
