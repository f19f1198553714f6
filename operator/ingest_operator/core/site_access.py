"""Which of a profile's sites a process needs: the entries of the recording that it fetches, by the site's
name. Pure.

The one place that says which processes get the secrets of sites: those whose orders are made here.
"""

from collections.abc import Callable, Iterable, Sequence

from ingest_contract.order import Item
from ingest_contract.profile import FetchProfile
from ingest_contract.secret_addresses import SECRET
from ingest_contract.sites import (
    ANY_SITE,
    SecretKey,
    SiteAccess,
    SiteProfile,
    chosen,
    host_of,
    is_only_ytdlps,
    names_of,
)


def without_sites(fetch: FetchProfile) -> FetchProfile:
    """The fetch settings as orders have them: which Secrets there are is nobody's business but the
    operator's."""
    return fetch.model_copy(update={"sites": ()})


def access_to(sites: Iterable[SiteProfile], path_of: Callable[[SecretKey], str]) -> tuple[SiteAccess, ...]:
    """What workers get of these entries; `path_of` says where the key of a Secret is as a file."""
    return tuple(
        SiteAccess(
            name=each.name,
            cookies=path_of(each.cookies) if each.cookies is not None else None,
            proxy=path_of(each.proxy) if each.proxy is not None else None,
            po_token_provider=each.po_token_provider.url if each.po_token_provider is not None else None,
            page_gap_seconds=each.pace.gap_seconds if each.pace is not None else 0,
        )
        for each in sites
    )


def needed(
    access: Sequence[SiteAccess], item: Item | None, others: Iterable[str] = ()
) -> tuple[SiteAccess, ...]:
    """The entries that a recording needs, and those of `others`, addresses that its process fetches too. No
    recording: it is fetched already.

    Of an address in a Secret only the worker knows the site: it gets them all. Of an address without an id
    only the worker knows what yt-dlp calls its site: it gets the entries that are found in no other way.
    """
    if item is not None and item.url.startswith(SECRET):
        return tuple(access)
    known = {each.name for each in access}
    own = item is not None and host_of(item.url)
    wanted = {chosen(names_of(item.url, item.id), known)} if item is not None and own else set[str | None]()
    for entry in (chosen(names_of(url), known) for url in others if host_of(url)):
        wanted.add(entry)
        wanted |= {name for name in known if is_only_ytdlps(name) and entry in (None, ANY_SITE)}
    return tuple(each for each in access if each.name in wanted)
