"""Planning in a cluster, one reconcile at a time: the sources that no plan holds yet, the Job that plans
them, its log, the frozen plan.

Nothing waits here, and nothing is kept that a reconcile cannot find out again: killed at any point and
repeated, it goes on with what it finds, and no plan is frozen twice.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from typing import Final, Protocol

from ingest_contract.order import PlannedSource
from ingest_operator.core.batch import PlannedItems
from ingest_operator.core.blocker import Blocker
from ingest_operator.core.orders import Orders
from ingest_operator.core.plan_sites import Held
from ingest_operator.core.plans import covered_by, items_of, status_of
from ingest_operator.core.source_lists import SourceError
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.errors import RefusedError
from ingest_operator.kube.api.names import PLAN, Owner, Place
from ingest_operator.kube.api.refusals import NameTakenError, blocker_of_refusal, name_taken
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.manifests.order_encoding import OrderTooLargeError
from ingest_operator.kube.manifests.overlay import OverlayError
from ingest_operator.kube.manifests.sources import MissingSourceError
from ingest_operator.kube.planning.attempts import PlanAttempt, attempts_of, bad_nodes
from ingest_operator.kube.planning.create import NothingToPlanError, clear, find_wanted, make
from ingest_operator.kube.planning.freeze import LogOutOfReachError, UnreadablePlanError, freeze
from ingest_operator.kube.planning.frozen_plan import FrozenPlan, digest_of
from ingest_operator.kube.planning.next_step import Ask, Blocked, Make, Read, Step, Wait, next_step
from ingest_operator.kube.watch.confirm import end_job
from ingest_operator.kube.watch.jobs_and_pods import JobsAndPods, Lost

LOG_RETRY_SECONDS: Final = 10.0
"""Seconds until a log that is out of reach is requested again."""

SOURCES_RETRY_SECONDS: Final = 30.0
"""Seconds until sources that cannot be planned as written are retried: a list may have been fixed."""

CLEAR_AGAIN_SECONDS: Final = 600.0
"""Seconds until a Job of a frozen plan is deleted again, after that was refused."""


class PlanGate(Protocol):
    """Stands before the sites that plans ask."""

    async def hear(self, attempts: Mapping[int, Iterable[PlanAttempt]]) -> None:
        """Remember what the runs of a batch's plans tell."""

    async def admit(
        self, sources: Sequence[PlannedSource], plan: int, run: int, before: Iterable[PlanAttempt]
    ) -> Held | None:
        """Reserve a run; returns what it waits for, if it must. `before` are those of the same request."""


@dataclass(frozen=True, slots=True)
class PlanResult:
    """The result of reconciling a batch's plans."""

    frozen: tuple[FrozenPlan, ...]
    """Every plan, including the one that this reconcile froze."""
    planned: PlannedItems | None
    """The recordings of all plans and their status; None while there is no plan."""
    failure: tuple[str, str] | None = None
    """Why the remaining sources cannot be planned: (reason, message). Set only where no run of the next plan
    lives or will follow by itself, and nothing is waited for: it would else come and go with each run."""
    blockers: tuple[Blocker, ...] = ()
    """What must be fixed outside before they can."""
    problems: tuple[SourceError, ...] = ()
    """Why the next plan leaves out sources, as they were last looked up."""
    again_at: float = inf
    """When to reconcile again, whatever happens until then."""
    clear_at: float = 0.0
    """Before that nothing is cleared: a deletion was refused."""
    rests_on: Orders | None = None
    """The orders of this reconcile, set if until `again_at` only another spec or profile is worth the calls
    of another reconcile."""

    @classmethod
    def of(cls, frozen: tuple[FrozenPlan, ...]) -> "PlanResult":
        """What is planned, with nothing else to report."""
        if not frozen:
            return cls(frozen, None)
        status = status_of(frozen).model_copy(update={"digest": digest_of(frozen)})
        return cls(frozen, PlannedItems(items_of(frozen), status))


@dataclass(frozen=True, slots=True)
class PlanContext:
    """The inputs of reconciling a batch's plans: planning has no memory of its own."""

    owner: Owner
    orders: Orders
    jobs: Iterable[Object]
    """The batch's."""
    pods: Mapping[str, Object]
    """The newest pod of each, by the Job's name."""
    frozen: tuple[FrozenPlan, ...]
    """Every plan so far."""
    gate: PlanGate
    """The sites that plans ask."""
    lost: tuple[Lost, ...] = ()
    """Plan Jobs that are gone."""
    seen: JobsAndPods = field(default_factory=JobsAndPods)
    """Where a Job that planning deletes is forgotten: it must not count as lost."""


async def reconcile_plans(
    api: Api, context: PlanContext, now: float, last: PlanResult | None = None
) -> PlanResult:
    """One step towards a plan of every source; `last` is the previous result, if any.

    What is refused or cannot be planned is in the result. Raises `PlanDamagedError`, and `ApiError` if a call
    failed that may be retried.
    """
    owner, orders, frozen = context.owner, context.orders, context.frozen
    if last is not None and now < last.again_at and last.rests_on == orders:
        return last
    lost = tuple(each for each in context.lost if each.place.index == len(frozen))
    known = last.problems if last is not None else ()
    reconciler = _PlanReconciler(api, owner, orders, frozen, context.gate, lost, context.seen, now, known)
    runs = attempts_of(owner, context.jobs, context.pods, orders.profile.pods, now)
    await context.gate.hear(runs)
    clear_at = last.clear_at if last is not None else 0.0
    try:
        if now >= clear_at and await clear(api, owner, runs, len(frozen)):
            clear_at = now + CLEAR_AGAIN_SECONDS
        result = (
            PlanResult.of(frozen)
            if covered_by(frozen) >= len(orders.batch.spec.sources)
            else await reconciler.step(runs.get(len(frozen), ()))
        )
    except (
        NameTakenError,
        NothingToPlanError,
        OrderTooLargeError,
        OverlayError,
        RefusedError,
        SourceError,
    ) as error:
        result = reconciler.refused(error)
    again_at = min(result.again_at, clear_at) if now < clear_at else result.again_at
    return replace(result, clear_at=clear_at, again_at=again_at)


@dataclass(frozen=True, slots=True)
class _PlanReconciler:
    """One reconcile of a batch that lacks a plan."""

    api: Api
    owner: Owner
    orders: Orders
    frozen: tuple[FrozenPlan, ...]
    gate: PlanGate
    lost: tuple[Lost, ...]
    seen: JobsAndPods
    now: float
    known: tuple[SourceError, ...]
    """The problems that were last looked up: while a run lives nothing is."""

    def answer(self, blocker: Blocker | None = None, again_at: float = inf) -> PlanResult:
        return replace(
            PlanResult.of(self.frozen), blockers=() if blocker is None else (blocker,), again_at=again_at
        )

    def refused(self, error: Exception) -> PlanResult:
        """The result of a refusal: nothing is called again for a while, unless someone changes the spec or
        the profile."""
        match error:
            case RefusedError():
                blocker = blocker_of_refusal(error, self.now)
            case NameTakenError():
                blocker = name_taken(error.kind, error.name, self.now)
            case NothingToPlanError():
                return replace(self._at_rest(self.answer(), error.problems), rests_on=self.orders)
            case OverlayError():
                blocker = Blocker("TemplateInvalid", f"The profile's {error}", self._soon)
            case _:
                failure = ("SourcesInvalid", str(error))
                return replace(self.answer(again_at=self._soon), failure=failure, rests_on=self.orders)
        return replace(self._despite(self.answer(blocker, blocker.until), self.known), rests_on=self.orders)

    async def step(self, runs: tuple[PlanAttempt, ...]) -> PlanResult:
        step = next_step(runs, None, self.now, self.lost)
        if isinstance(step, Read):
            return await self._read(step.source, runs)
        if not isinstance(step, Ask):
            return self._despite(self._waiting(step), self.known)
        inputs = await find_wanted(self.api, self.owner, self.orders, self.frozen)
        step = next_step(runs, inputs.request, self.now, self.lost)
        if isinstance(step, Make):
            before = [one for one in runs if one.request == inputs.request]
            held = await self.gate.admit(inputs.sources, len(self.frozen), step.number, before)
            if held is not None:
                due = min(held.due, self._soon) if inputs.problems else held.due
                waiting = self._despite(self.answer(held.blocker, due), inputs.problems)
                return replace(waiting, rests_on=self.orders)
            for job in step.ending:
                await end_job(self.api, self.seen, job)
            place, bad = Place(PLAN, len(self.frozen), step.number), bad_nodes(runs)
            made = await make(self.api, self.orders, place, inputs, owner=self.owner, bad_nodes=bad)
            self.seen.take_created(made)
            return self._despite(self.answer(step.blocker), inputs.problems)
        if isinstance(step, Blocked):
            return replace(self._at_rest(self._waiting(step), inputs.problems), rests_on=self.orders)
        waiting = self._despite(self._waiting(step), inputs.problems)
        due = min(waiting.again_at, self._soon)  # a list may be corrected meanwhile, which is another request
        # a run that cannot begin may do so at any time; one that is over changes no more
        cannot_begin = waiting.again_at == inf
        return replace(waiting, again_at=due, rests_on=None if cannot_begin else self.orders)

    @property
    def _soon(self) -> float:
        return self.now + SOURCES_RETRY_SECONDS

    def _at_rest(self, result: PlanResult, problems: tuple[SourceError, ...]) -> PlanResult:
        """The result where no run follows by itself. What a person must mend has failed planning only if
        nothing else is waited for."""
        again = replace(result, problems=problems, again_at=self._soon)
        if any(isinstance(each, MissingSourceError) for each in problems):
            return self._despite(again, problems)
        mistake = ("SourcesInvalid", str(problems[0])) if problems else None
        return replace(again, failure=result.failure or mistake)

    def _despite(self, result: PlanResult, problems: tuple[SourceError, ...]) -> PlanResult:
        """The result where planning goes on by itself, with what keeps other sources from being planned."""
        failure = () if result.failure is None else (Blocker(*result.failure, self._soon),)
        mistakes = [each for each in problems if not isinstance(each, MissingSourceError)]
        missing = [each for each in problems if isinstance(each, MissingSourceError)]
        shown = (
            *failure,
            *(Blocker("SourcesInvalid", str(each), self._soon) for each in mistakes),
            *(Blocker(each.reason, str(each), self._soon) for each in missing),
        )
        return replace(result, failure=None, blockers=(*result.blockers, *shown), problems=problems)

    async def _read(self, source: PlanAttempt, runs: tuple[PlanAttempt, ...]) -> PlanResult:
        try:
            frozen = await freeze(self.api, self.owner, source, self.frozen, self.now)
        except UnreadablePlanError as error:
            failed = replace(source, unreadable=str(error))
            return await self.step(tuple(failed if one is source else one for one in runs))
        except LogOutOfReachError as error:
            soon = self.now + LOG_RETRY_SECONDS
            message = (
                f"The plan is made, and the log of pod {source.pod} that holds it cannot be reached: {error}"
            )
            return self._despite(self.answer(Blocker("LogOutOfReach", message, soon), soon), self.known)
        # what is left of it is cleared, and later sources are planned
        return self._despite(replace(PlanResult.of(frozen), again_at=self.now), self.known)

    def _waiting(self, step: Step) -> PlanResult:
        match step:
            case Wait(until, blocker):
                return self.answer(blocker, until)
            case Blocked(reason, message):
                return replace(self.answer(again_at=self._soon), failure=(reason.value, message))
            case _:
                raise AssertionError(f"{step} is no waiting")
