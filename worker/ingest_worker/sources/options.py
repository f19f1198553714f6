"""yt-dlp's options, all of them, in one place. Nothing here comes from a user: options run programs
(`--exec`, `--netrc-cmd`).

No configuration files and no command line are read (the Python API reads none), no plugins but those of a
folder that the worker's environment names (`ytdlp.PLUGINS`), no external downloader, no postprocessor. There
is no ffmpeg program: audio is taken as it is, HLS and DASH are put together by yt-dlp itself, and PyAV
decodes in its own process.
"""

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from typing_extensions import override

LOG: Final = logging.getLogger("ingest_worker.sources")

PROTOCOLS: Final = "^(https?|m3u8(_native)?|http_dash_segments)$"
"""The protocols that yt-dlp downloads by itself, over guarded connections. The others (rtmp, mms, rtsp, f4m,
websockets) need programs or are live."""

FORMAT: Final = "/".join(f"{choice}[protocol~='{PROTOCOLS}']" for choice in ("ba", "b", "b*"))
"""The best audio alone, otherwise the best with a picture, otherwise any format, so that the decoder reports
media without sound."""

SOCKET_SECONDS: Final = 20
"""Seconds of silence after which a connection counts as dead."""

RETRIES: Final = 3
"""Retries of one request or segment. More retries are the planner's decision: it knows how the other
downloads fare."""


class _Logger:
    """Forwards yt-dlp's lines to our log. They may hold addresses with keys, so they stay below the level
    that is shown by default."""

    def debug(self, line: str) -> None:
        LOG.debug("%s", line)

    def warning(self, line: str) -> None:
        LOG.debug("warning: %s", line)

    def error(self, line: str) -> None:
        LOG.debug("error: %s", line)

    @override
    def __repr__(self) -> str:
        return "Logger()"


def _common() -> dict[str, Any]:
    return {
        "quiet": True,
        "noprogress": True,
        "no_color": True,
        "logger": _Logger(),
        "cachedir": False,
        "ignoreerrors": False,
        "allowed_extractors": ["default"],
        "enable_file_urls": False,
        "default_search": "error",  # a word is not an address
        "noplaylist": True,  # a link to a video in a playlist is that video
        "proxy": "",  # connect directly: behind a proxy the guard would see only the proxy
        "socket_timeout": SOCKET_SECONDS,
        "retries": RETRIES,
        "extractor_retries": 1,
        "remote_components": set(),
        "format": FORMAT,
        # unused even where it is installed: it would connect unguarded
        "ffmpeg_location": os.devnull,
        "fixup": "never",
        "postprocessors": [],
    }


def for_listing(most: int) -> dict[str, Any]:
    """For extraction: entries of lists stay as the list shows them,
    and at most `most` + 1 of them are read."""
    return {
        **_common(),
        "extract_flat": "in_playlist",
        "skip_download": True,
        "simulate": True,
        "playlistend": most + 1,
    }


def for_download(into: Path, hook: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """For downloading one recording to `into`; `hook` is called with every block and may raise."""
    return {
        **_common(),
        "extract_flat": "in_playlist",
        "playlistend": 2,  # one recording is wanted; a second entry shows that the address has become a list
        "outtmpl": {"default": "media.%(ext)s"},
        "paths": {"home": str(into)},
        "progress_hooks": [hook],
        "external_downloader": "native",
        "hls_prefer_native": True,
        "concurrent_fragment_downloads": 1,
        "fragment_retries": RETRIES,
        "skip_unavailable_fragments": False,  # a gap in the recording is a failure, not a shorter recording
        "file_access_retries": RETRIES,
        "overwrites": True,
        "continuedl": False,  # a later run may get another file: parts of two files do not fit together
        "updatetime": False,
    }
