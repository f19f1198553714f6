"""What the process that meets sites knows of them: cookies that yt-dlp may change, a proxy, a provider of
tokens. Called by `ytdlp`, in the child alone."""

import io
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import distribution
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any, Final

from typing_extensions import override

from ingest_contract.failures import Reason
from ingest_contract.sites import chosen, names_of, site_name
from ingest_worker.errors import StageError
from ingest_worker.hiding import know
from ingest_worker.sources.guard import Guard, Policy
from ingest_worker.sources.site_secrets import parts_of
from ingest_worker.sources.tunnel import Proxy

_PACKAGE: Final = "bgutil-ytdlp-pot-provider"
_TOKENS: Final = ("getpot_bgutil", "getpot_bgutil_http")
"""The modules of its plugin that asks a provider over HTTP, in the order in which they import each other."""

Met = Callable[[str, str | None], None]
"""Called with the site's name and its entry, before anything is sent to it."""


class CookieFile(io.StringIO):
    """A cookie file that is nowhere but in memory."""

    @override
    def truncate(self, pos: int | None = None) -> int:
        """Yt-dlp writes a file from its beginning after this, and does not go there."""
        self.seek(pos or 0)
        return super().truncate(pos)


@dataclass(frozen=True, slots=True)
class Site:
    """One entry."""

    cookies: CookieFile | None = None
    proxy: Proxy | None = None
    provider: str | None = None
    missing: str | None = None
    """What is missing of its secrets: it may not be met without them."""

    def guard(self, policy: Policy) -> Guard:
        """The guard around everything that is sent to the site."""
        return Guard(policy, self.proxy, () if self.provider is None else (self.provider,))

    @property
    def parameters(self) -> dict[str, Any]:
        """Yt-dlp's options, beside those of every site."""
        found: dict[str, Any] = {}
        if self.cookies is not None:
            self.cookies.seek(0)
            found["cookiefile"] = self.cookies
        if self.provider is not None:
            _load_tokens()
            found["extractor_args"] = {"youtubepot-bgutilhttp": {"base_url": [self.provider]}}
        return found


@dataclass(frozen=True, slots=True)
class Sites:
    """Every entry that this process was given."""

    entries: Mapping[str, Site] = field(default_factory=dict)
    met: Met = lambda _, __: None

    @classmethod
    def parsed(cls, said: Sequence[Mapping[str, Any]], met: Met) -> "Sites":
        """The entries of a request, of whose secrets nothing is said from now on."""
        for each in said:
            know(parts_of(each["cookies"], each["proxy"]))
        return cls(
            {
                each["name"]: Site(
                    CookieFile(each["cookies"]) if each["cookies"] else None,
                    Proxy.parsed(each["proxy"]) if each["proxy"] else None,
                    each["provider"],
                    each["missing"],
                )
                for each in said
            },
            met,
        )

    def of(self, url: str, extractors: Callable[[], Sequence[str]]) -> Site:
        """What the site of an address wants. `extractors` gives yt-dlp's names of it; asking costs time.
        Raises `StageError(CREDENTIALS_INVALID)` where that is missing."""
        names = names_of(url, extractors=extractors() if self.entries else ())
        entry = chosen(names, self.entries)
        site = Site() if entry is None else self.entries[entry]
        if site.missing is not None:
            raise StageError(Reason.CREDENTIALS_INVALID, site.missing)
        self.met(site_name(names, url, entry), entry)
        return site


def _load_tokens() -> None:
    """Load this one plugin and no other. Not by yt-dlp's finder of plugins, which would take all that a
    folder of packages has."""
    package = distribution(_PACKAGE)
    for name in _TOKENS:
        full = f"yt_dlp_plugins.extractor.{name}"
        if full in sys.modules:
            continue
        spec = spec_from_file_location(full, str(package.locate_file(f"yt_dlp_plugins/extractor/{name}.py")))
        assert spec is not None and spec.loader is not None  # noqa: S101, PT018 -- a path was given
        sys.modules[full] = module_from_spec(spec)
        spec.loader.exec_module(sys.modules[full])
