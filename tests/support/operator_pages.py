"""The pages that an operator of a test serves."""

import urllib.request
from urllib.error import HTTPError

from prometheus_client.parser import text_string_to_metric_families

from testkit.cluster.program import free_port


class Pages:
    """What an operator serves."""

    def __init__(self) -> None:
        self.port = free_port()

    def get(self, page: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{page}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()

    def metrics(self) -> dict[str, float]:
        """`name{label values}`, by the labels' names, to its value; zeros left out."""
        samples = [
            sample
            for family in text_string_to_metric_families(self.get("metrics")[1])
            for sample in family.samples
        ]
        return {
            f"{each.name}{{{','.join(each.labels.values())}}}": each.value for each in samples if each.value
        }
