"""The base of every model in the contract, and the bounded types they are made of.

In YAML and JSON, fields are camelCase and unknown ones are refused; in Python, they are snake_case and
frozen. Attribute docstrings become the descriptions that `kubectl explain` shows, so there is one text for
the editor, the cluster and the reference page.
"""

import json
from datetime import date
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel


class ContractModel(BaseModel):
    """A frozen value that people or programs write: unknown fields are an error, never ignored."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_alias=True,
        validate_by_name=True,
        serialize_by_alias=True,
        extra="forbid",
        frozen=True,
        strict=True,
        use_attribute_docstrings=True,
    )

    @classmethod
    def from_object(cls, value: object) -> Self:
        """The value of a JSON object, as an API or YAML gives it: parsed by JSON's rules, so a list may
        become a tuple, but `1` does not become text.

        Raises `pydantic.ValidationError` for what the model refuses, `TypeError` and `ValueError` for what
        JSON cannot express.
        """
        return cls.model_validate_json(json.dumps(value))

    def to_json(self) -> str:
        """The shortest JSON of this value: camelCase, no nulls, no spaces."""
        return self.model_dump_json(exclude_none=True)


Decimal = Annotated[str, StringConstraints(max_length=24, pattern=r"^-?[0-9]{1,16}(\.[0-9]{1,6})?$")]
"""A decimal number as text, for example `0.042`: floats do not survive every client's JSON unchanged."""

ShortText = Annotated[str, StringConstraints(max_length=256)]
"""A line for people."""

LongText = Annotated[str, StringConstraints(max_length=1024)]
"""A sentence or two for people."""

Name = Annotated[
    str, StringConstraints(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
]
"""A name as Kubernetes knows it (RFC 1123 label)."""

ModelName = Annotated[
    str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$")
]
"""The name of a model in its set."""

ObjectName = Annotated[
    str, StringConstraints(min_length=1, max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")
]
"""The name of an object (RFC 1123 subdomain)."""

AbsolutePath = Annotated[str, StringConstraints(min_length=2, max_length=1024, pattern=r"^/[^:]+$")]
"""An absolute path."""

SourceKey = Annotated[
    str,
    StringConstraints(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]*[-_a-zA-Z0-9][-._a-zA-Z0-9]*$"),
]
"""A key of a ConfigMap or Secret; it is also a file's name."""

BatchName = Annotated[str, StringConstraints(max_length=63 + 1 + 253)]
"""`<namespace>/<name>` of an object."""

ItemId = Annotated[str, StringConstraints(min_length=3, max_length=128, pattern=r"^[a-z0-9]+:.+$")]
"""`<where>:<id>`, for example `youtube:CNxH0rHS320`, `url:` with a hash of the canonical address, or `file:`
with a hash of the content and, for a file on a claim, of namespace and claim."""

LabelValue = Annotated[
    str, StringConstraints(max_length=63, pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$")
]
"""The value of a label."""

TraceId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
"""One per batch, in the form of a W3C trace id; Jobs, logs and rows carry it."""

MAX_RUN_NUMBER: Final = 1_000_000
"""The highest run number of one recording. `fold.MAX_RUNS` ends a pass long before; every `retryFailed`
continues the count."""

Timestamp = Annotated[
    str,
    StringConstraints(
        max_length=32, pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z$"
    ),
]
"""A time in UTC, for example `2026-01-31T12:00:00Z`."""


def _a_real_day(text: str) -> str:
    """Refuse the 30th of February:
    a pattern cannot, and with `format: date` the API server refuses it too."""
    try:
        date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"must be a day of the calendar, not {text!r}") from error
    return text


Date = Annotated[
    str,
    StringConstraints(max_length=10, pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"),
    AfterValidator(_a_real_day),
    Field(json_schema_extra={"format": "date"}),
]
"""A day, for example `2026-01-31`."""

Count = Annotated[int, Field(ge=0, le=1_000_000_000)]
"""How many."""

Seconds = Annotated[int, Field(ge=0, le=100_000_000)]
"""A duration in whole seconds."""

MAX_SUM: Final = 100_000_000_000_000
"""A hundred million, the largest single value, times a million recordings."""

SumOfMany = Annotated[int, Field(ge=0, le=MAX_SUM)]
"""A sum over 10,000 recordings, in counts or in seconds: the sum of allowed values is always allowed."""


def cel(*rules: tuple[str, str]) -> dict[str, Any]:
    """CEL rules as JSON schema extras: (expression, what is wrong when it does not hold)."""
    return {"x-kubernetes-validations": [{"rule": rule, "message": message} for rule, message in rules]}


def in_order(lower: str, upper: str) -> tuple[str, str]:
    """The CEL rule that the first of two optional fields is not above the second, if both are set."""
    rule = f"!has(self.{lower}) || !has(self.{upper}) || self.{lower} <= self.{upper}"
    return rule, f"{lower} must not be above {upper}"


def decimal(value: float, digits: int = 3) -> str:
    """A float as the contract's decimal text, without trailing zeros: `decimal(0.0420)` is `0.042`."""
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
