"""Who asked a site for what: accounts with cookies that are renewed and expire, and every request, for tests
to count."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Final

from testkit.site.accounts import Account
from testkit.site.rules import Limit, Refusal, Rules

COOKIE: Final = "session"


class Kind(StrEnum):
    """What was asked for."""

    LIST = "list"
    PAGE = "page"
    MEDIA = "media"
    CAPTIONS = "captions"


_COUNTED: Final = (Kind.LIST, Kind.PAGE)


@dataclass(slots=True)
class Visit:
    """One request."""

    at: float
    kind: Kind
    path: str
    account: str | None
    """None for a guest, and for a cookie that is no longer valid."""
    egress: str
    """The address that the request came from: the client's, or its proxy's."""
    refusal: Refusal | None = None
    status: int = 0
    """Of the answer."""


class Visits:
    """Every request to one site. All of it may be called by several threads."""

    def __init__(self, rules: Rules, clock: Callable[[], float] = time.time) -> None:
        self._rules, self._clock = rules, clock
        self._lock = threading.Lock()
        self.all: list[Visit] = []
        self.accounts: dict[str, Account] = {}
        self._recent: dict[tuple[str | None, str], deque[float]] = {}

    def join(self, name: str, *, member: bool = False, adult: bool = True) -> str:
        """Make an account, or give it a new cookie as signing in again does; returns the cookie's value."""
        with self._lock:
            account = self.accounts.setdefault(name, Account(name, member, adult))
            return account.renewed(grace=0)

    def expire(self, name: str) -> None:
        """End every cookie of an account: what comes with one counts as a guest."""
        with self._lock:
            account = self.accounts[name]
            account.token = ""
            account.old.clear()

    def admit(self, kind: Kind, path: str, cookies: str, egress: str) -> tuple[Visit, Account | None, str]:
        """Write a request down and judge it: the visit, the account, and a new cookie's value if one is to be
        set."""
        with self._lock:
            account, renewed = self._signed_in(cookies, counts=kind in _COUNTED)
            name = account.name if account else None
            visit = Visit(self._clock(), kind, path, name, egress)
            if kind in _COUNTED:
                visit.refusal = self._refusal(visit)
            self.all.append(visit)
            return visit, account, renewed

    def _signed_in(self, cookies: str, *, counts: bool) -> tuple[Account | None, str]:
        token = _token(cookies)
        for account in self.accounts.values():
            if token and token == account.token:
                return self._used(account) if counts else (account, "")
            if token in account.old:
                account.old[token] -= counts
                if account.old[token] <= 0:
                    del account.old[token]
                return account, account.token if counts else ""
        return None, ""

    def _used(self, account: Account) -> tuple[Account | None, str]:
        account.uses += 1
        dead, renewal = self._rules.cookie_requests, self._rules.renew_after
        if dead is not None and account.uses > dead:
            account.token = ""
            return None, ""
        renewed = renewal is not None and account.uses >= renewal
        return account, account.renewed(self._rules.grace) if renewed else ""

    def _refusal(self, visit: Visit) -> Refusal | None:
        rules = self._rules
        if visit.account is None and visit.egress in rules.refused:
            return rules.refused[visit.egress]
        if visit.account is not None and visit.account in rules.refused_accounts:
            return rules.refused_accounts[visit.account]
        limit = self.limit_of(visit)
        if limit is None:
            return None
        recent = self._recent.setdefault((visit.account, visit.egress), deque())
        while recent and recent[0] <= visit.at - limit.seconds:
            recent.popleft()
        if len(recent) >= limit.requests:
            return limit.refusal
        recent.append(visit.at)
        return None

    def limit_of(self, visit: Visit) -> Limit | None:
        """What holds for a visitor."""
        return self._rules.guests if visit.account is None else self._rules.accounts

    def of(
        self, *kinds: Kind, account: str | None = "*", egress: str | None = None, refused: bool | None = None
    ) -> list[Visit]:
        """The requests of these kinds (all if none is named), of an account (None: guests), from an address,
        refused or not."""
        with self._lock:
            return [
                visit
                for visit in self.all
                if (not kinds or visit.kind in kinds)
                and account in ("*", visit.account)
                and egress in (None, visit.egress)
                and refused in (None, visit.refusal is not None)
            ]

    def most_within(
        self, seconds: float, *kinds: Kind, account: str | None = "*", egress: str | None = None
    ) -> int:
        """The most requests within any window of so many seconds."""
        times = sorted(visit.at for visit in self.of(*kinds, account=account, egress=egress))
        most = first = 0
        for last, at in enumerate(times):
            while times[first] <= at - seconds:
                first += 1
            most = max(most, last - first + 1)
        return most


def _token(cookies: str) -> str:
    try:
        found = SimpleCookie(cookies).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""


def cookie_file(path: Path, token: str, host: str = "127.0.0.1") -> Path:
    """A cookie file as browsers export it (Netscape's format, which yt-dlp reads), for one host."""
    line = f"{host}\tFALSE\t/\tFALSE\t2147483647\t{COOKIE}\t{token}"
    path.write_text(f"# Netscape HTTP Cookie File\n{line}\n", encoding="utf-8")
    return path
