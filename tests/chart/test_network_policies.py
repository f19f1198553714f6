"""Who may reach whom."""

from collections.abc import Mapping
from ipaddress import ip_address, ip_network

import pytest

from ingest_operator.core.actions import Start
from ingest_operator.kube.manifests.ingest_job import run_job
from ingest_worker.sources.guard import is_public
from testkit.objects.manifests import ITEM, OWNER, orders_for
from tests.support.chart import CASES, CHART, Json, case, objects_in, of_kind, template

START = Start(index=0, number=1, charged_attempts=0, rung=0, disruptions=0)
AHEAD = CHART / "ci" / "ahead-values.yaml"
STORE, CACHE, SITE = ("10.20.0.5", 5432), ("10.40.0.7", 9000), ("93.184.216.34", 443)


def egress_of(name: str, component: str) -> list[Json]:
    policies = of_kind(case(name), "NetworkPolicy", f"-{component}")
    assert policies
    return [rule for policy in policies for rule in policy["spec"]["egress"]]


def may_reach(rules: list[Json], address: str, port: int) -> bool:
    """Whether some rule lets a connection out: to a block of addresses, or to everybody."""
    for rule in rules:
        if port not in [each["port"] for each in rule["ports"]]:
            continue
        if "to" not in rule:
            return True
        for peer in rule["to"]:
            block = peer.get("ipBlock", {"cidr": "0.0.0.0/32"})
            excepted = any(ip_address(address) in ip_network(each) for each in block.get("except", ()))
            if ip_address(address) in ip_network(block["cidr"]) and not excepted:
                return True
    return False


PRIVATE = (
    "10.0.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.5.4",
    "192.0.0.192",
    "192.168.1.1",
    "198.18.0.1",
)


PRIVATE6 = ("::1", "fd00:ec2::254", "fe80::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::1")


PUBLIC = ("93.184.216.34", "8.8.8.8", "2606:4700::1111")


def selects(selector: Json, labels: Mapping[str, str]) -> bool:
    """Whether a selector takes an object with these labels;
    of the expressions only the one that is used here."""
    expressions = selector.get("matchExpressions", ())
    assert {each["operator"] for each in expressions} <= {"Exists", "In"}
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        each["key"] in labels and labels[each["key"]] in each.get("values", [labels[each["key"]]])
        for each in expressions
    )


@pytest.mark.parametrize("component", ["worker", "fetch"])
def test_media_and_models_come_from_public_addresses_only(component: str) -> None:
    rules = egress_of("default", component)
    for address in (*PRIVATE, *PRIVATE6):
        assert not is_public(ip_address(address))
        assert not may_reach(rules, address, 443), address
    for address in PUBLIC:
        assert is_public(ip_address(address))
        assert may_reach(rules, address, 443), address


def test_a_private_range_that_is_allowed_may_be_reached_and_no_other() -> None:
    rules = egress_of("locked-down", "worker")
    assert (may_reach(rules, "10.30.4.5", 443), may_reach(rules, "10.31.4.5", 443)) == (True, False)
    assert (may_reach(rules, "10.20.0.5", 5432), may_reach(rules, "10.20.0.6", 5432)) == (True, False)


def test_a_store_that_is_not_named_may_be_anywhere_but_where_clouds_keep_credentials() -> None:
    rules = egress_of("default", "worker")
    assert may_reach(rules, "10.20.0.5", 5432)
    assert not may_reach(rules, "169.254.169.254", 5432)


def test_the_operator_reaches_workers_and_the_api_server_and_nothing_else() -> None:
    rules = egress_of("locked-down", "operator")
    assert [
        may_reach(rules, address, 443) for address in ("10.96.0.1", "10.0.0.10", "10.0.0.11", "8.8.8.8")
    ] == [True, True, False, False]
    (progress,) = [rule for rule in rules if rule["ports"] == [{"protocol": "TCP", "port": 8080}]]
    (worker,) = of_kind(case("locked-down"), "NetworkPolicy", "-worker")
    labels = run_job(OWNER, orders_for(), ITEM, START)["spec"]["template"]["metadata"]["labels"]
    assert selects(worker["spec"]["podSelector"], labels)
    assert selects(progress["to"][0]["podSelector"], labels)


@pytest.mark.parametrize("name", CASES)
def test_every_pod_of_the_chart_but_sleeping_ones_has_its_policy(name: str) -> None:
    selectors = [each["spec"]["podSelector"] for each in of_kind(case(name), "NetworkPolicy")]
    for each in case(name):
        if each["kind"] in ("Job", "Deployment", "Pod"):
            labels = (
                each["metadata"]["labels"]
                if each["kind"] == "Pod"
                else each["spec"]["template"]["metadata"]["labels"]
            )
            assert any(selects(selector, labels) for selector in selectors), each["metadata"]["name"]


def reached(documents: list[Json], role: str) -> set[tuple[str, int]]:
    """Which of store, cache and site a pod of this role may reach, by all policies that select it."""
    rules = [
        rule
        for policy in of_kind(documents, "NetworkPolicy")
        if selects(policy["spec"]["podSelector"], {"video-ingest.dev/role": role})
        for rule in policy["spec"]["egress"]
    ]
    return {each for each in (STORE, CACHE, SITE) if may_reach(rules, *each)}


def test_where_it_fetches_ahead_a_pod_reaches_what_it_needs_and_nothing_else() -> None:
    documents = case("ahead")
    assert reached(documents, "ingest") == {STORE, CACHE}
    assert reached(documents, "fetch") == {STORE, CACHE, SITE}
    assert {STORE, SITE} <= reached(documents, "enrol")
    assert reached(documents, "plan") == {STORE, SITE}


@pytest.mark.parametrize("role", ["forget", "retain"])
@pytest.mark.parametrize("name", ["default", "ahead", "locked-down"])
def test_whoever_forgets_reaches_the_store_and_nothing_else(name: str, role: str) -> None:
    assert reached(case(name), role) == {STORE}


def test_a_pod_that_ingests_reaches_media_where_the_profile_has_it_fetch_something() -> None:
    documents = objects_in(template(AHEAD, settings={"profile.spec": {"fetch": {"mode": "Inline"}}}))
    assert reached(documents, "ingest") == {STORE, CACHE, SITE}


@pytest.mark.parametrize("name", ["default", "ahead"])
def test_a_pod_of_what_is_in_the_store_reaches_the_store_alone(name: str) -> None:
    assert reached(case(name), "relabel") == {STORE}


def test_the_operator_reaches_a_receiver_of_webhooks_where_one_is_named_and_nobody_else() -> None:
    named = egress_of("locked-down", "operator")
    assert may_reach(named, "10.50.0.9", 8443)
    assert not may_reach(named, "10.50.0.8", 8443)
    anywhere = egress_of("everything", "operator")
    assert may_reach(anywhere, "93.184.216.34", 443)


def test_the_reader_reaches_the_store_alone_and_is_reached_from_where_the_values_say() -> None:
    (policy,) = of_kind(case("everything"), "NetworkPolicy", "-reader")
    rules = policy["spec"]["egress"]
    assert [may_reach(rules, *each) for each in (STORE, CACHE, SITE)] == [True, False, False]
    people, _ = policy["spec"]["ingress"]
    gateway, check = people["from"]
    assert gateway == {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "gateways"}}}
    (tried,) = of_kind(case("everything"), "Pod", "-reader-check")
    assert selects(check["podSelector"], tried["metadata"]["labels"])
    (egress,) = [
        rule
        for rule in egress_of("everything", "reader-check")
        if "to" in rule and "podSelector" in rule["to"][0]
    ]
    (reader,) = of_kind(case("everything"), "Deployment", "-reader")
    assert selects(egress["to"][0]["podSelector"], reader["spec"]["template"]["metadata"]["labels"])
