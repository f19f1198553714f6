"""Pod templates of a profile: whatever a cluster knows, but no token of a service account."""

import pytest
from pydantic import ValidationError

from ingest_contract.pods import PodProfile

FIELDS = ("template", "worker_template", "plan_template")


def projecting(source: object) -> dict[str, object]:
    return {"spec": {"volumes": [{"name": "identity", "projected": {"sources": [source]}}]}}


@pytest.mark.parametrize("field", FIELDS)
def test_a_template_that_projects_a_token_is_refused(field: str) -> None:
    with pytest.raises(ValidationError, match="no volume may project a service account's token"):
        PodProfile(**{field: projecting({"serviceAccountToken": {"path": "token"}})})


@pytest.mark.parametrize("source", [{"configMap": {"name": "trust"}}, {"downwardAPI": {}}, "odd", None])
def test_other_volumes_are_for_the_cluster_to_judge(source: object) -> None:
    PodProfile(template=projecting(source))


@pytest.mark.parametrize(
    "template", [{"spec": None}, {"spec": {"volumes": "x"}}, {"spec": {"volumes": [1, {"projected": 2}]}}]
)
def test_a_template_of_no_sense_is_refused_where_it_is_laid_over_ours(template: dict[str, object]) -> None:
    PodProfile(template=template)
