"""A batch's sources as planning needs them, on a machine that has folders where a cluster has volumes,
ConfigMaps and Secrets."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ingest_contract.batch import IngestBatchSpec, Source
from ingest_contract.batch_sources import ObjectStoreSource, SecretSource
from ingest_contract.object_address import ObjectAddress, bucket_and_prefix
from ingest_contract.order import PlannedSource
from ingest_contract.profile import MAX_BUCKETS, MAX_FOLDERS, FetchProfile
from ingest_contract.secret_addresses import secret_address
from ingest_contract.sites import ANY_SITE, SecretKey, SiteAccess, SiteProfile
from ingest_operator.core.site_access import access_to
from ingest_operator.core.source_lists import (
    Fitting,
    SourceError,
    fit_for_one_plan,
    in_the_store,
    parse_source_list,
)


@dataclass(frozen=True, slots=True)
class Mounts:
    """Where the volumes, ConfigMaps and Secrets of a cluster are on this machine."""

    volumes: Mapping[str, Path] = field(default_factory=dict)
    """PersistentVolumeClaim to folder."""
    config_maps: Mapping[str, Path] = field(default_factory=dict)
    """ConfigMap to folder; its keys are files in it."""
    secrets: Mapping[str, Path] = field(default_factory=dict)
    """Secret to folder; its keys are files in it."""
    cookies: Path | None = None
    """A file with cookies for every site, instead of those that the profile names."""


def planned_sources(spec: IngestBatchSpec, mounts: Mounts, left: Iterable[int]) -> Fitting:
    """The sources of these numbers, as many as one plan takes.

    Raises:
        SourceError: naming the field, and the file if it cannot be read: who runs the command is there to
            mend it.
    """
    fitting = fit_for_one_plan(
        {number: _planned(spec.sources[number], f"spec.sources[{number}]", mounts) for number in left}
    )
    if fitting.problems:
        raise fitting.problems[0]
    return fitting


def _planned(source: Source, where: str, mounts: Mounts) -> list[PlannedSource]:
    if source.url is not None:
        return [PlannedSource(url=source.url, speakers=source.speakers)]
    if source.volume is not None:
        claim = source.volume.claim_name
        folder = mounts.volumes.get(claim)
        if folder is None:
            raise SourceError(
                f"{where}.volume: say where the volume is on this machine: --volume {claim}=FOLDER"
            )
        return [
            PlannedSource(url=folder.resolve().as_uri(), glob=source.volume.glob, speakers=source.speakers)
        ]
    if source.secret is not None:
        return [_secret(source.secret, source, where, mounts)]
    if source.object_store is not None:
        return [_bucket(source.object_store, source, where, mounts)]
    if source.store is not None:
        return [in_the_store(source.store)]
    assert source.config_map is not None  # noqa: S101 -- the model allows exactly one kind
    name, key = source.config_map.name, source.config_map.key
    if name not in mounts.config_maps:
        raise SourceError(
            f"{where}.configMap: say where its keys are as files on this machine: --config-map {name}=FOLDER"
        )
    file = mounts.config_maps[name] / key
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise SourceError(
            f"{where}.configMap: {file} cannot be read ({error.strerror}): "
            f"put the list into it, or name another folder: --config-map {name}=FOLDER"
        ) from error
    return list(parse_source_list(text, source.speakers, f"{where}.configMap: {file}"))


def _secret(secret: SecretSource, source: Source, where: str, mounts: Mounts) -> PlannedSource:
    folder = _secret_folder(secret.secret_name, f"{where}.secret", mounts)
    return PlannedSource(url=secret_address(str((folder / secret.key).resolve())), speakers=source.speakers)


def _bucket(store: ObjectStoreSource, source: Source, where: str, mounts: Mounts) -> PlannedSource:
    name = store.secret_name
    mount = None if name is None else str(_secret_folder(name, f"{where}.objectStore", mounts).resolve())
    address = ObjectAddress(*bucket_and_prefix(store.url), store.endpoint, store.region, mount)
    return PlannedSource(url=address.url, glob=store.glob, speakers=source.speakers)


def _secret_folder(name: str, where: str, mounts: Mounts) -> Path:
    folder = mounts.secrets.get(name)
    if folder is None:
        raise SourceError(f"{where}: say where its keys are as files on this machine: --secret {name}=FOLDER")
    return folder


def access_here(sites: Sequence[SiteProfile], mounts: Mounts) -> tuple[SiteAccess, ...]:
    """What the sites of a profile want, with the files of this machine. Raises `SourceError`."""
    if mounts.cookies is None:
        return access_to(sites, lambda key: _file_of(key, mounts))
    cookies = str(mounts.cookies.resolve())
    bare = [each.model_copy(update={"cookies": None}) for each in sites]
    if all(each.name != ANY_SITE for each in bare):
        bare.append(SiteProfile(name=ANY_SITE))
    access = access_to(bare, lambda key: _file_of(key, mounts))
    return tuple(each.model_copy(update={"cookies": cookies}) for each in access)


def _file_of(key: SecretKey, mounts: Mounts) -> str:
    return str((_secret_folder(key.secret_name, "fetch.sites of the profile", mounts) / key.key).resolve())


def folders_of(mounts: Mounts) -> dict[str, str]:
    """The folder of each claim on this machine."""
    return {claim: str(folder.resolve()) for claim, folder in mounts.volumes.items()}


def with_own_allowed(fetch: FetchProfile, spec: IngestBatchSpec, mounts: Mounts) -> FetchProfile:
    """The fetch settings, with what the user of this machine may read anyway allowed as well: the folders
    that they mapped, and the batch's buckets with their own credentials. Raises `SourceError`."""
    folders = {*fetch.allow.folders, *folders_of(mounts).values()}
    if len(folders) > MAX_FOLDERS:
        raise SourceError(
            f"--volume and the profile's fetch.allow.folders name {len(folders)} folders, "
            f"and workers take {MAX_FOLDERS}"
        )
    stores = (source.object_store for source in spec.sources if source.object_store is not None)
    own = {bucket_and_prefix(each.url)[0] for each in stores if each.secret_name is None}
    buckets = tuple(sorted({*fetch.allow.buckets, *own}))
    if len(buckets) > MAX_BUCKETS:
        raise SourceError(
            f"the batch and fetch.allow.buckets name {len(buckets)} buckets; workers take {MAX_BUCKETS}"
        )
    return fetch.model_copy(
        update={
            "allow": fetch.allow.model_copy(update={"folders": tuple(sorted(folders)), "buckets": buckets})
        }
    )
