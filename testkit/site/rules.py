"""What a site allows whom: limits by account and address, and what it answers beyond them."""

from dataclasses import dataclass, field
from enum import StrEnum


class Refusal(StrEnum):
    """How a site refuses somebody, whatever they ask for."""

    BOT_CHECK = "bot check"
    """A page that asks to sign in, as YouTube's."""
    CAPTCHA = "captcha"
    """A page that asks for a captcha."""
    TOO_MANY = "429"
    """HTTP 429 with Retry-After."""
    TRY_LATER = "try later"
    """A page that says that the session has been limited, as YouTube's."""


@dataclass(frozen=True, slots=True)
class Limit:
    """So many lists and pages per window for one account, or guest, at one address."""

    requests: int
    seconds: float = 3600
    """Of the sliding window. Refused requests do not count."""
    refusal: Refusal = Refusal.BOT_CHECK
    retry_after: int | None = None
    """Seconds; sent with `TOO_MANY` only."""


@dataclass(slots=True)
class Rules:
    """Read at each request, so a test may change them while the site runs."""

    page_entries: int = 100
    """Entries of one page of a list."""
    turns_pages: bool = True
    """Whether a list has other pages than its first; otherwise each is the first, and names a next one."""
    guests: Limit | None = None
    """For requests without a valid cookie."""
    accounts: Limit | None = None
    """For requests with one."""
    refused: dict[str, Refusal] = field(default_factory=dict)
    """Addresses whose guests are refused until the test says otherwise: an account is let through."""
    refused_accounts: dict[str, Refusal] = field(default_factory=dict)
    """Accounts that are refused until the test says otherwise."""
    countries: dict[str, str] = field(default_factory=dict)
    """The country of an address; `US` for all others."""
    renew_after: int | None = None
    """Requests with one cookie after which the answer sets a new one."""
    grace: int = 0
    """Requests that the old cookie is good for once a new one is set."""
    cookie_requests: int | None = None
    """Requests after which a cookie is dead, and no new one comes."""
    cut_times: int = 1
    """Addresses of each `CUT` recording that answer 403 in mid-file, before one works."""
    captions_status: int = 200
    """The status of answers to requests for captions; with another than 200 there are none."""
    slow_bytes_per_second: int = 20_000
