"""A batch's sources as a plan Job gets them: claims are mounted folders, ConfigMaps are lists that the
operator reads, Secrets are lists and credentials that only pods read. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

from ingest_contract.batch import IngestBatchSpec, Source
from ingest_contract.batch_sources import ConfigMapSource, ObjectStoreSource, SecretSource, VolumeSource
from ingest_contract.object_address import ObjectAddress, bucket_and_prefix
from ingest_contract.order import PlannedSource
from ingest_contract.pods import PodProfile
from ingest_contract.profile import FetchProfile
from ingest_contract.secret_addresses import secret_address
from ingest_operator.core.source_lists import (
    Fitting,
    SourceError,
    fit_for_one_plan,
    in_the_store,
    parse_source_list,
)

CLAIMS: Final = "/sources"
"""The folder of a pod in which each claim is mounted, under its own name."""

SECRETS: Final = "/secrets"
"""The folder of a pod in which each Secret with addresses or credentials is mounted,
under its own name; its keys are files."""


class MissingSourceError(SourceError):
    """Something that a source names does not exist. It may be created at any time."""

    reason: str = "ListMissing"
    """Of the condition: a ConfigMap, or its key."""


class MissingClaimError(MissingSourceError):
    """A PersistentVolumeClaim."""

    reason = "ClaimMissing"


@dataclass(frozen=True, slots=True)
class Found:
    """What was looked up of what sources name."""

    config_maps: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """The `data` of those that exist."""
    absent_claims: frozenset[str] = frozenset()
    """PersistentVolumeClaims that do not exist."""


def needed_config_maps(spec: IngestBatchSpec, left: Iterable[int], pods: PodProfile) -> tuple[str, ...]:
    """The ConfigMaps that the sources of these numbers name, limited to those that the profile allows: no
    other is ever read."""
    maps = [spec.sources[number].config_map for number in left]
    return tuple(sorted({each.name for each in maps if each is not None}.intersection(pods.config_maps)))


def needed_claims(spec: IngestBatchSpec, left: Iterable[int], pods: PodProfile) -> tuple[str, ...]:
    """The claims that the sources of these numbers may name, of those that the profile allows. A list in a
    ConfigMap may name any of them."""
    sources = [spec.sources[number] for number in left]
    if any(source.config_map is not None for source in sources):
        return pods.claims
    volumes = {source.volume.claim_name for source in sources if source.volume is not None}
    named = volumes | {claim_of(source.url) for source in sources if source.url is not None}
    return tuple(claim for claim in pods.claims if claim in named)


def planned_sources(spec: IngestBatchSpec, left: Iterable[int], pods: PodProfile, found: Found) -> Fitting:
    """The sources of these numbers, as many as one plan takes. One that cannot be planned, because something
    is missing or is not as it must be, keeps no other from it, and is among the problems.

    Raises:
        SourceError: none of them has any address, and none has a problem.
    """
    groups, problems = dict[int, Sequence[PlannedSource]](), list[SourceError]()
    for number in left:
        where = f"spec.sources[{number}]"
        try:
            group = _planned(spec.sources[number], where, pods, found.config_maps)
            _require_claims(group, where, found)
        except SourceError as error:
            problems.append(error)
        else:
            groups[number] = group
    return fit_for_one_plan(groups, problems)


def with_claims_allowed(fetch: FetchProfile, claims: Sequence[str]) -> FetchProfile:
    """The fetch settings, with the folders of the claims that the profile mounts allowed as well."""
    folders = {*fetch.allow.folders, *folders_of(claims).values()}
    return fetch.model_copy(
        update={"allow": fetch.allow.model_copy(update={"folders": tuple(sorted(folders))})}
    )


def folders_of(claims: Sequence[str]) -> dict[str, str]:
    """The mount path of each claim in a pod that reads it."""
    return {claim: _folder(claim) for claim in claims}


def named_secrets(spec: IngestBatchSpec) -> frozenset[str]:
    """The Secrets that the batch's sources name."""
    lists = {source.secret.secret_name for source in spec.sources if source.secret is not None}
    opening = {source.object_store.secret_name for source in spec.sources if source.object_store is not None}
    return frozenset(lists | {name for name in opening if name is not None})


def claim_of(address: str) -> str | None:
    """The claim of one address, `file:///sources/<claim>/...` or the bare path; None for any other."""
    path = (
        address
        if address.startswith("/")
        else unquote(address.removeprefix("file://").removeprefix("localhost"))
    )
    below = path.removeprefix(f"{CLAIMS}/")
    return None if below == path else below.split("/", 1)[0]


def _require_claims(group: Iterable[PlannedSource], where: str, found: Found) -> None:
    """A pod that mounts a claim that is not there begins never."""
    for claim in filter(None, (claim_of(each.url) for each in group)):
        if claim in found.absent_claims:
            raise MissingClaimError(
                f"{where}: there is no PersistentVolumeClaim {claim} in the batch's namespace; "
                "planning goes on when it is made"
            )


def _planned(
    source: Source, where: str, pods: PodProfile, config_maps: Mapping[str, Mapping[str, str]]
) -> Sequence[PlannedSource]:
    if source.url is not None:
        return [PlannedSource(url=source.url, speakers=source.speakers)]
    if source.volume is not None:
        return [_mounted(source.volume, source, where, pods)]
    if source.secret is not None:
        return [_secret(source.secret, source, where, pods)]
    if source.object_store is not None:
        return [_bucket(source.object_store, source, where, pods)]
    if source.store is not None:
        return [in_the_store(source.store)]
    assert source.config_map is not None  # noqa: S101 -- the model allows exactly one kind
    text = _list(source.config_map, f"{where}.configMap", pods, config_maps)
    return parse_source_list(
        text, source.speakers, f"{where}.configMap: key {source.config_map.key} of {source.config_map.name}"
    )


def _mounted(volume: VolumeSource, source: Source, where: str, pods: PodProfile) -> PlannedSource:
    claim = volume.claim_name
    if claim not in pods.claims:
        raise SourceError(f"{where}.volume: {_not_allowed(claim, 'pods.claims', pods.claims)}")
    return PlannedSource(url=f"file://{_folder(claim)}", glob=volume.glob, speakers=source.speakers)


def _secret(secret: SecretSource, source: Source, where: str, pods: PodProfile) -> PlannedSource:
    name = secret.secret_name
    if name not in pods.secrets:
        raise SourceError(f"{where}.secret: {_not_allowed(name, 'pods.secrets', pods.secrets)}")
    return PlannedSource(url=secret_address(f"{SECRETS}/{name}/{secret.key}"), speakers=source.speakers)


def _bucket(store: ObjectStoreSource, source: Source, where: str, pods: PodProfile) -> PlannedSource:
    name = store.secret_name
    if name is not None and name not in pods.secrets:
        raise SourceError(f"{where}.objectStore: {_not_allowed(name, 'pods.secrets', pods.secrets)}")
    return PlannedSource(url=_bucket_address(store), glob=store.glob, speakers=source.speakers)


def _bucket_address(store: ObjectStoreSource) -> str:
    mount = None if store.secret_name is None else f"{SECRETS}/{store.secret_name}"
    return ObjectAddress(*bucket_and_prefix(store.url), store.endpoint, store.region, mount).url


def _list(
    source: ConfigMapSource, where: str, pods: PodProfile, config_maps: Mapping[str, Mapping[str, str]]
) -> str:
    name, key = source.name, source.key
    if name not in pods.config_maps:
        raise SourceError(f"{where}: {_not_allowed(name, 'pods.configMaps', pods.config_maps)}")
    if name not in config_maps:
        raise MissingSourceError(
            f"{where}: there is no ConfigMap {name} in the batch's namespace; "
            "planning goes on when it is made"
        )
    if key not in config_maps[name]:
        there = ", ".join(sorted(config_maps[name])) or "none"
        raise MissingSourceError(f"{where}: the ConfigMap {name} has no key {key}; its keys are: {there}")
    return config_maps[name][key]


def _not_allowed(name: str, field: str, allowed: Sequence[str]) -> str:
    return (
        f"the profile does not allow {name}: its {field} has {', '.join(allowed) or 'nothing'}; "
        "add it there, or use one of those"
    )


def _folder(claim: str) -> str:
    return f"{CLAIMS}/{claim}"
