"""Secrets of sites: files in the pods that fetch from the site, names nowhere, contents never."""

import json

import pytest

from ingest_contract.order import IngestOrder, Item, PlannedSource
from ingest_contract.profile import FetchProfile
from ingest_operator.core.actions import Start
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.manifests.ingest_job import run_job, shared_order_map
from ingest_operator.kube.manifests.order_encoding import in_pods
from ingest_operator.kube.manifests.plan_job import plan_job, plan_order_map
from ingest_operator.kube.manifests.volumes import PLACE
from testkit.objects.manifests import ITEM, OWNER, mounted, orders_for, pod_spec

FIRST = Start(7, 1, 0, 0, 0)
FETCH = FetchProfile.from_object(
    {
        "sites": [
            {
                "name": "youtube",
                "cookies": {"secretName": "yt-login", "key": "cookies.txt"},
                "proxy": {"secretName": "yt-login", "key": "proxy"},
                "poTokenProvider": {"url": "http://pot.media:4416"},
            },
            {"name": "media.example.org", "cookies": {"secretName": "media-login", "key": "jar"}},
            {"name": "vimeo"},
            {"name": "*", "proxy": {"secretName": "any-proxy", "key": "url"}},
        ]
    }
)
VOLUMES = {"yt-login": ["cookies.txt", "proxy"], "media-login": ["jar"], "any-proxy": ["url"]}


def secrets_of(job: Object) -> dict[str, list[str]]:
    volumes = [each["secret"] for each in pod_spec(job)["volumes"] if "secret" in each]
    assert all(each["optional"] for each in volumes), "a worker says what is missing"
    return {each["secretName"]: [item["key"] for item in each["items"]] for each in volumes}


@pytest.mark.parametrize(
    ("recording", "url", "names"),
    [
        ("youtube:CNxH0rHS320", "https://www.youtube.com/watch?v=CNxH0rHS320", ["yt-login"]),
        ("youtube:CNxH0rHS320", "https://youtu.be/CNxH0rHS320", ["yt-login"]),
        ("url:0123456789abcdef", "https://cdn.media.example.org/a.mp3", ["media-login"]),
        ("url:0123456789abcdef", "https://media.example.org.evil.net/a.mp3", ["any-proxy"]),
        ("vimeo:1", "https://vimeo.com/1", []),
        ("url:0123456789abcdef", "https://www.youtube.com/a.mp3", ["yt-login"]),
        ("url:0123456789abcdef", "https://youtube.evil/a.mp3", ["any-proxy"]),
        ("youtube:CNxH0rHS320", "https://youtube.evil/watch?v=CNxH0rHS320", ["any-proxy"]),
        ("youtube:CNxH0rHS320", "https://youtube.com@evil.org/watch?v=CNxH0rHS320", ["any-proxy"]),
        ("url:0123456789abcdef", "https://192.0.2.7/a.mp3", ["any-proxy"]),
        ("file:0123456789abcdef", "file:///sources/recordings/a.mp3", []),
        ("url:0123456789abcdef", "secret:///secrets/feeds/urls.txt#0123.4567", sorted(VOLUMES)),
    ],
)
def test_a_pod_has_the_secrets_of_the_site_that_it_fetches_from_and_no_others(
    recording: str, url: str, names: list[str]
) -> None:
    item = Item(index=7, id=recording, url=url)
    orders = orders_for(fetch=FETCH)
    job = run_job(OWNER, orders, item, FIRST)
    assert secrets_of(job) == {name: VOLUMES[name] for name in names}
    assert {f"/sites/{name}" for name in names} == {path for path in mounted(job) if "/sites" in path}
    order: IngestOrder = in_pods(orders).to_ingest(item, FIRST, PLACE)
    paths = {path for each in order.sites for path in (each.cookies, each.proxy) if path}
    assert paths == {f"/sites/{name}/{key}" for name in names for key in VOLUMES[name]}
    assert order.fetch.sites == ()


def test_a_plan_may_lead_to_any_site() -> None:
    orders = orders_for(fetch=FETCH)
    assert secrets_of(plan_job(OWNER, orders, 0, 1)) == VOLUMES
    sources = [PlannedSource(url="https://www.youtube.com/@talks")]
    order = json.loads(plan_order_map(OWNER, orders, sources, [], 0)["data"]["order.json"])
    assert [each["name"] for each in order["sites"]] == ["youtube", "media.example.org", "vimeo", "*"]
    assert "secretName" not in json.dumps(order)


def test_what_recordings_share_names_no_site() -> None:
    shared = json.dumps(shared_order_map(OWNER, orders_for(fetch=FETCH), FIRST))
    assert "yt-login" not in shared


def test_a_profile_without_sites_costs_a_job_nothing() -> None:
    assert "/sites" not in json.dumps(run_job(OWNER, orders_for(), ITEM, FIRST))
