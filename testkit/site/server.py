"""The site itself: a web server on the loopback that answers by its rules, and writes down who asked."""

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any, Final

from typing_extensions import override

from testkit.site.accounts import Account
from testkit.site.answers import Answer, Reply
from testkit.site.entries import Channel, Entry, Tab, Trait
from testkit.site.media import tone_of
from testkit.site.pages import captions, list_page, recording_page, refusal_page
from testkit.site.rules import Refusal, Rules
from testkit.site.visits import COOKIE, Kind, Visit, Visits
from testkit.web_server import listening

_PATH: Final = re.compile(
    r"/(?P<site>\w+)/(?:@(?P<channel>[\w-]+)(?:/(?P<tab>\w+))?"
    r"|(?P<folder>watch|shorts|media|captions)/(?P<id>[\w-]+)(?P<ending>[.\w-]*))/?"
    r"(?:\?(?:page=(?P<page>\d+)|key=(?P<key>\d+)))?"
)
_KINDS: Final = {
    "watch": Kind.PAGE, "shorts": Kind.PAGE, "media": Kind.MEDIA, "captions": Kind.CAPTIONS,
}  # fmt: skip


class Site:
    """Channels, rules, and every visit so far."""

    def __init__(
        self,
        *channels: Channel,
        name: str = "tube",
        rules: Rules | None = None,
        sound: Callable[[Entry], bytes] = tone_of,
        captions: Callable[[Entry, str], bytes] = captions,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`name` is the extractor's: `tube` or `reel`. `sound` gives a recording's media, as m4a; `captions`
        what is in a file of captions, by its name's end: `.en.vtt`, `.en.automatic.vtt`. `clock` is what
        windows of limits are measured by."""
        self.name, self.rules, self._sound, self._captions = name, rules or Rules(), sound, captions
        self.channels = {each.name: each for each in channels}
        self.visits = Visits(self.rules, clock)
        self.port = 0
        self._entries = {entry.id: (channel, entry) for channel in channels for entry in channel.entries}
        self._keys: Counter[str] = Counter()
        self._lock = threading.Lock()

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        """The address of `@talks`, `@talks/shorts`, `watch/ID`."""
        return f"http://{host}:{self.port}/{self.name}/{path}"

    def answer(self, path: str, headers: Any, egress: str) -> Answer:
        """The answer to a GET."""
        asked = _PATH.fullmatch(path)
        if asked is None or asked["site"] != self.name:
            return Answer(b"nothing here", 404)
        kind = Kind.LIST if asked["channel"] else _KINDS[asked["folder"]]
        visit, account, renewed = self.visits.admit(kind, path, headers.get("Cookie", ""), egress)
        answer = self._refused(visit) or self._page(asked, kind, account, visit)
        if renewed:
            answer.headers["Set-Cookie"] = f"{COOKIE}={renewed}; Path=/; Max-Age=31536000; HttpOnly"
        visit.status = answer.status
        return answer

    def _refused(self, visit: Visit) -> Answer | None:
        if visit.refusal is Refusal.TOO_MANY:
            limit = self.visits.limit_of(visit)
            later = limit.retry_after if limit else None
            return Answer(b"too many", 429, {} if later is None else {"Retry-After": str(later)})
        return None if visit.refusal is None else Answer.json(refusal_page(visit.refusal))

    def _page(self, asked: re.Match[str], kind: Kind, account: Account | None, visit: Visit) -> Answer:
        if kind is Kind.LIST:
            channel, tab = self.channels.get(asked["channel"]), asked["tab"]
            if channel is None or (tab and tab not in [each.value for each in Tab]):
                return Answer(b"no such channel", 404)
            number = int(asked["page"] or 0)
            return Answer.json(list_page(self.name, channel, Tab(tab) if tab else None, number, self.rules))
        found = self._entries.get(asked["id"])
        if found is None:
            return Answer(b"no such recording", 404)
        channel, entry = found
        if kind is Kind.CAPTIONS:
            content, status = self._captions(entry, asked["ending"]), self.rules.captions_status
            return Answer(content if status == 200 else b"none now", status, kind="text/vtt")
        if kind is Kind.MEDIA:
            return self._media(entry, int(asked["key"] or 0))
        page = recording_page(
            self.name, channel, entry, account, self.rules.countries.get(visit.egress, "US")
        )
        if "media" in page:
            page["media"] += f"?key={self._new_key(entry)}"
        return Answer.json(page)

    def _new_key(self, entry: Entry) -> int:
        """Every look at a page gives another address of the media."""
        with self._lock:
            self._keys[entry.id] += 1
            return self._keys[entry.id]

    def _media(self, entry: Entry, key: int) -> Answer:
        if not 1 <= key <= self._keys[entry.id]:
            return Answer(b"no such key", 403)
        cut = entry.trait is Trait.CUT and key <= self.rules.cut_times
        slow = self.rules.slow_bytes_per_second if entry.trait is Trait.SLOW else None
        return Answer(self._sound(entry), kind="audio/mp4", ranges=True, cut=cut, bytes_per_second=slow)


@contextmanager
def serving(site: Site) -> Iterator[Site]:
    """The site while the block runs, on every address of the loopback."""

    class Handler(BaseHTTPRequestHandler):
        @override
        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            answer = site.answer(self.path, self.headers, self.client_address[0])
            Reply(self, answer).send()

        do_HEAD = do_GET  # noqa: N815 -- the name that the base class calls

    with listening(Handler) as site.port:
        yield site
