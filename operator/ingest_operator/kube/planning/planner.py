"""Planning in a cluster, one look at a time: which sources no plan holds yet, the Job that plans them, its
log, the frozen plan.

Nothing waits here, and nothing is remembered that a look cannot find out anew: killed at any point and
repeated, it goes on with what it finds, and no plan is frozen twice.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import inf
from typing import Final

from ingest_operator.core.batch import PlannedItems
from ingest_operator.core.blocker import Hindrance
from ingest_operator.core.orders import Orders
from ingest_operator.core.plans import covered_by, items_of, status_of
from ingest_operator.core.source_lists import SourceError
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.errors import RefusedError
from ingest_operator.kube.api.names import Owner
from ingest_operator.kube.api.refusals import NameTakenError, hindrance_of_refusal, name_taken
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.manifests.order_encoding import OrderTooLargeError
from ingest_operator.kube.manifests.overlay import OverlayError
from ingest_operator.kube.manifests.sources import MissingListError
from ingest_operator.kube.planning.attempts import PlanTry, tries_of
from ingest_operator.kube.planning.create import clear, find_wanted, make
from ingest_operator.kube.planning.freeze import LogOutOfReachError, UnreadablePlanError, freeze
from ingest_operator.kube.planning.frozen_plan import FrozenPlan, digest_of
from ingest_operator.kube.planning.next_step import Ask, Blocked, Make, Read, Step, Wait, next_step
from ingest_operator.kube.watch.jobs_and_pods import Lost

SOON: Final = 10.0
"""Seconds until a log that is out of reach is asked for again."""

LATER: Final = 30.0
"""Seconds until sources that cannot be planned as they are written are looked at again: a list may have been
mended."""


@dataclass(frozen=True, slots=True)
class PlanLook:
    """What a look at a batch's plans came to."""

    frozen: tuple[FrozenPlan, ...]
    """Every plan, with the one that this look froze."""
    planned: PlannedItems | None
    """What the plans came to; None while there is none."""
    trouble: tuple[str, str] | None = None
    """Why the sources that are not planned cannot be: (reason, message)."""
    hindrances: tuple[Hindrance, ...] = ()
    """What must change outside before they can."""
    again_at: float = inf
    """When another look is due, whatever happens until then."""
    rests_on: Orders | None = None
    """Where until `again_at` only another spec or profile makes another look worth its calls: those that this
    look went by."""

    @classmethod
    def of(cls, frozen: tuple[FrozenPlan, ...]) -> "PlanLook":
        """What is planned, and nothing else to say."""
        if not frozen:
            return cls(frozen, None)
        status = status_of(frozen).model_copy(update={"digest": digest_of(frozen)})
        return cls(frozen, PlannedItems(items_of(frozen), status))


@dataclass(frozen=True, slots=True)
class PlanGround:
    """What a look at a batch's plans goes by: it has no memory of its own."""

    owner: Owner
    orders: Orders
    jobs: Iterable[Object]
    """The batch's."""
    pods: Mapping[str, Object]
    """The newest pod of each, by the Job's name."""
    frozen: tuple[FrozenPlan, ...]
    """Every plan so far."""
    lost: tuple[Lost, ...] = ()
    """Plan Jobs that are gone."""


async def look_at_plans(api: Api, scene: PlanGround, now: float, last: PlanLook | None = None) -> PlanLook:
    """One step towards a plan of every source; `last` is the look before, if any.

    What is refused or cannot be planned stands in the answer. Raises `PlanDamagedError`, and `ApiError` where
    a call failed that may be repeated.
    """
    owner, orders, frozen = scene.owner, scene.orders, scene.frozen
    if last is not None and now < last.again_at and last.rests_on == orders:
        return last
    lost = tuple(each for each in scene.lost if each.place.index == len(frozen))
    look = _Look(api, owner, orders, frozen, lost, now)
    tries = tries_of(owner, scene.jobs, scene.pods, orders.profile.pods, now)
    try:
        await clear(api, owner, tries, len(frozen))
        if covered_by(frozen) >= len(orders.batch.spec.sources):
            return PlanLook.of(frozen)
        return await look.step(tries.get(len(frozen), ()))
    except (NameTakenError, OrderTooLargeError, OverlayError, RefusedError, SourceError) as error:
        return look.refused(error)


@dataclass(frozen=True, slots=True)
class _Look:
    """One look at a batch that lacks a plan."""

    api: Api
    owner: Owner
    orders: Orders
    frozen: tuple[FrozenPlan, ...]
    lost: tuple[Lost, ...]
    now: float

    def answer(self, hindrance: Hindrance | None = None, again_at: float = inf) -> PlanLook:
        return replace(
            PlanLook.of(self.frozen), hindrances=() if hindrance is None else (hindrance,), again_at=again_at
        )

    def refused(self, error: Exception) -> PlanLook:
        """What cannot be had as it is: nothing is asked again for a while, unless somebody changes the spec
        or the profile."""
        match error:
            case RefusedError():
                hindrance = hindrance_of_refusal(error, self.now)
            case NameTakenError():
                hindrance = name_taken(error.kind, error.name, self.now)
            case MissingListError():
                hindrance = Hindrance("ListMissing", str(error), self.now + LATER)
            case OverlayError():
                hindrance = Hindrance("TemplateInvalid", f"The profile's {error}", self.now + LATER)
            case _:
                trouble = ("SourcesInvalid", str(error))
                return replace(self.answer(again_at=self.now + LATER), trouble=trouble, rests_on=self.orders)
        return replace(self.answer(hindrance, hindrance.until), rests_on=self.orders)

    async def step(self, tries: tuple[PlanTry, ...]) -> PlanLook:
        step = next_step(tries, None, self.now, self.lost)
        if isinstance(step, Read):
            return await self._read(step.source, tries)
        if not isinstance(step, Ask):
            return self._waiting(step)
        wanted = await find_wanted(self.api, self.owner, self.orders, self.frozen)
        step = next_step(tries, wanted.asked, self.now, self.lost)
        if isinstance(step, Make):
            await make(self.api, self.owner, self.orders, len(self.frozen), step, wanted)
            return self.answer(step.hindrance)
        return self._waiting(step)

    async def _read(self, source: PlanTry, tries: tuple[PlanTry, ...]) -> PlanLook:
        try:
            frozen = await freeze(self.api, self.owner, source, self.frozen, self.now)
        except UnreadablePlanError as error:
            failed = replace(source, unreadable=str(error))
            return await self.step(tuple(failed if one is source else one for one in tries))
        except LogOutOfReachError as error:
            soon = self.now + SOON
            message = (
                f"The plan is made, and the log of pod {source.pod} that holds it cannot be reached: {error}"
            )
            return self.answer(Hindrance("LogOutOfReach", message, soon), soon)
        return replace(
            PlanLook.of(frozen), again_at=self.now
        )  # what is left of it is cleared, and later sources are planned

    def _waiting(self, step: Step) -> PlanLook:
        match step:
            case Wait(until, hindrance):
                return self.answer(hindrance, until)
            case Blocked(reason, message):
                return replace(self.answer(again_at=self.now + LATER), trouble=(reason.value, message))
            case _:
                raise AssertionError(f"{step} is no waiting")
