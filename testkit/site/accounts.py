"""Somebody with a cookie, and its renewals. Pure."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Account:
    """Somebody with a cookie."""

    name: str
    member: bool
    adult: bool
    token: str = ""
    uses: int = 0
    """Requests with the current cookie."""
    tokens: int = 0
    """Cookies so far."""
    old: dict[str, int] = field(default_factory=dict)
    """Earlier cookies that are still good, and for how many requests."""

    def renewed(self, grace: int) -> str:
        """A new cookie; the one before it is good for `grace` more requests."""
        if self.token and grace:
            self.old[self.token] = grace
        self.tokens, self.uses = self.tokens + 1, 0
        self.token = f"{self.name}-{self.tokens}-secret"
        return self.token
