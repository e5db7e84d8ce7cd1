"""The services of one stack as they are known now, and what each fact makes of them. No waiting."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from commandcenter.kit.clock import utc_now
from commandcenter.runtimes.base import Handle
from commandcenter.stacks import exits
from commandcenter.stacks import member as members
from commandcenter.stacks.attempt import Attempt
from commandcenter.stacks.decide import Action, Drop, GiveUp, Start, Stop, Wait
from commandcenter.stacks.member import Exit, Member
from commandcenter.stacks.model import Stack
from commandcenter.stacks.pending import limited
from commandcenter.stacks.prepared import Check, Prepared
from commandcenter.stacks.preparing.facts import stored_facts
from commandcenter.stacks.probe import Answer
from commandcenter.stacks.recorder import ServiceRecord
from commandcenter.stacks.resources import ServiceLimits
from commandcenter.stacks.states import Desired, ServiceState, StackState


@dataclass(slots=True)
class Watched:
    """What is known of a service besides its `Member`."""

    handle: dict[str, Any] | None = None
    exit_code: int | None = None
    progress: str = ""  # what is done before its process runs; on no record
    check: Check | None = None  # None: nothing was started since the hub was
    health_words: str = ""
    health_at: datetime | None = None
    is_asked: bool = True  # False: its runtime is away, so how it is now nobody knows
    told_words: str = ""  # as of the last change of state: what is on record
    told_at: datetime | None = None
    runs_as: str = ""
    limits: dict[str, Any] | None = None
    image: dict[str, Any] | None = None
    hardening: dict[str, Any] | None = None
    started_at: datetime | None = None
    attempt: Attempt | None = None

    @classmethod
    def of(cls, record: ServiceRecord) -> "Watched":
        return cls(
            handle=record.handle,
            exit_code=record.exit_code,
            health_words=record.health_words,
            health_at=record.health_at,
            told_words=record.health_words,
            told_at=record.health_at,
            runs_as=record.runs_as,
            limits=record.limits,
            image=record.image,
            hardening=record.hardening,
            started_at=record.started_at,
        )


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a stack's supervision starts from."""

    stack: Stack
    desired: Desired
    state: StackState
    members: Mapping[str, Member]
    records: Mapping[str, ServiceRecord] = field(default_factory=dict)


class Roster:
    """Facts about an attempt that is no longer the present one change nothing."""

    def __init__(self, beginning: Beginning, clock: Callable[[], float]) -> None:
        records = beginning.records
        self.stack = beginning.stack
        self.members = dict(beginning.members)
        self.watched = {
            name: Watched.of(records[name]) if name in records else Watched()
            for name in self.members
        }
        self._clock = clock

    @property
    def attempts(self) -> Iterator[Attempt]:
        return (each.attempt for each in self.watched.values() if each.attempt is not None)

    @property
    def handles(self) -> dict[str, Handle]:
        """Return what runs, by service."""
        return {each.service: each.handle for each in self.attempts if each.handle is not None}

    @property
    def active(self) -> tuple[str, ...]:
        return tuple(name for name, found in self.members.items() if found.state.is_active)

    def needs(self, name: str) -> tuple[str, ...]:
        """Return the services whose start, health or end this one waits for."""
        service = self.stack.service(name)
        return () if service is None else tuple(each.service for each in service.depends_on)

    @property
    def all_run(self) -> bool:
        """Whether no service is just being started or ended."""
        there = self.handles
        return all(
            self.members[name].state is not ServiceState.STOPPING and name in there
            for name in self.active
        )

    def limits(self, name: str) -> ServiceLimits:
        """Return those of the next attempt."""
        service = self.stack.service(name)
        return ServiceLimits() if service is None else service.limits

    def limit(self, name: str, stored: dict[str, Any]) -> None:
        """Have the next attempt limited as `stacks.pending` stores it."""
        self.stack = limited(self.stack, name, stored)
        self.watched[name].limits = stored

    def records(self) -> list[ServiceRecord]:
        return [self._record(name) for name in self.members]

    def _record(self, name: str) -> ServiceRecord:
        found, watched = self.members[name], self.watched[name]
        return ServiceRecord(
            name=name,
            state=found.state,
            message=found.message,
            number=found.number,
            handle=watched.handle,
            was_healthy=found.was_healthy,
            failures=found.failures,
            restarts=found.restarts,
            exit_code=watched.exit_code,
            health_words=watched.told_words,
            health_at=watched.told_at,
            runs_as=watched.runs_as,
            limits=watched.limits,
            image=watched.image,
            hardening=watched.hardening,
            started_at=watched.started_at,
            cause=found.cause,
        )

    # What follows from a decision, and what people ask for.

    def perform(self, action: Action, desired: Desired) -> str | None:
        """Change the states as the action begins; the name of a service to be started."""
        found = self.members[action.service]
        watched = self.watched[action.service]
        match action:
            case Start():
                watched.handle = watched.exit_code = None
                watched.health_words, watched.health_at = "", None
                watched.started_at = utc_now()
                self._change(
                    action.service,
                    found.to(
                        ServiceState.STARTING,
                        number=found.number + 1,
                        retry_at=None,
                        misses=0,
                        message="" if found.state is ServiceState.PENDING else found.message,
                    ),
                )
                return action.service
            case Stop():
                if desired is Desired.STOPPED:
                    self._change(
                        action.service, found.to(ServiceState.STOPPING, restart_asked=False)
                    )
                if watched.attempt is not None:
                    watched.attempt.stop()
            case GiveUp(why=why):
                self._change(action.service, found.to(ServiceState.FAILED, message=why))
            case Wait(why=why):
                self._change(action.service, replace(found, message=why))
            case Drop():
                self._change(
                    action.service,
                    found.to(ServiceState.STOPPED, retry_at=None, message=found.message),
                )
        return None

    def ask_all(self) -> None:
        """Have every service started that has come to rest."""
        for name, found in self.members.items():
            if found.state.is_settled and found.state is not ServiceState.COMPLETED:
                self._change(name, members.asked_to_start(found))

    def restart(self, name: str) -> None:
        """End a service to be started again, and those that are to be restarted with it."""
        for each in self.stack.services:
            if any(need.restart and need.service == name for need in each.depends_on):
                self.restart(each.name)
        found = self.members[name]
        attempt = self.watched[name].attempt
        if found.state is ServiceState.STOPPING:
            return
        if found.state.is_active and attempt is not None:
            self._change(
                name,
                found.to(
                    ServiceState.STOPPING,
                    restart_asked=True,
                    failures=0,
                    was_healthy=False,
                    restarts=0,
                ),
            )
            attempt.stop()
        else:
            self._change(name, members.asked_to_start(found))

    # Facts, told by attempts.

    def told(self, service: str, number: int, words: str) -> None:
        if self.members[service].number == number:  # nothing is decided on it
            self.watched[service].progress = words

    def started(self, name: str, number: int, handle: Handle, prepared: Prepared) -> None:
        found = self.members[name]
        if found.number != number:
            return
        watched = self.watched[name]
        watched.handle = asdict(handle)
        watched.progress = ""
        watched.check = prepared.check
        watched.runs_as = prepared.runs_as
        watched.image = stored_facts(prepared.image)
        watched.hardening = prepared.hardening.stored()
        if found.state is ServiceState.STARTING:
            self._change(
                name,
                members.started(found, self._clock(), has_probe=prepared.check is not None),
            )
        elif found.started_at is None:
            now = self._clock()
            healthy_since = now if found.state is ServiceState.HEALTHY else None
            self.members[name] = replace(found, started_at=now, healthy_since=healthy_since)

    def probed(self, name: str, number: int, answer: Answer, *, counts: bool, retries: int) -> None:
        found, watched = self.members[name], self.watched[name]
        if found.number != number:
            return
        watched.health_words, watched.health_at = answer.words, utc_now()
        watched.is_asked = answer.is_known
        now = self._clock()
        self._change(
            name,
            members.probed(found, now, healthy=answer.healthy, counts=counts, retries=retries),
        )

    def ended(self, name: str, number: int, exit_: Exit) -> None:
        found, watched = self.members[name], self.watched[name]
        if found.number != number:
            return
        if found.state is ServiceState.UNHEALTHY:
            exit_ = exits.of_health(found, watched.check, watched.health_words)
        watched.exit_code = exit_.exit_code
        watched.attempt = None
        watched.progress = ""
        self._change(name, members.ended(found, self._clock(), exit_))

    def _change(self, name: str, changed: Member) -> None:
        watched = self.watched[name]
        if changed.state is not self.members[name].state:
            # Every probe on record would be a write every few seconds; those that matter are.
            watched.told_words, watched.told_at = watched.health_words, watched.health_at
        self.members[name] = changed
