"""Which fault hits which request."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

# The operation does not run.
Before: TypeAlias = Literal[
    "status",
    "rate_limited",
    "quota",
    "in_progress",
    "mismatch",
    "redirect",
    "reset_before",
    "stall",
]
# The operation runs, and some of its items, or all of them, are refused.
Within: TypeAlias = Literal["item_error", "refuse_batch"]
# The operation runs and is remembered under its key; the answer is lost or damaged on its way.
After: TypeAlias = Literal[
    "reset_after",
    "stall_after",
    "drip",
    "truncated",
    "garbage",
    "empty",
    "results_short",
    "results_doubled",
    "results_shuffled",
    "results_unknown_code",
    "results_no_ids",
    "results_key",
]
# The answer is lost first, the operation runs later.
Effect: TypeAlias = Literal[Before, Within, After, "late"]

BEFORE = frozenset(get_args(Before))
AFTER = frozenset(get_args(After))
EFFECTS = BEFORE | AFTER | frozenset(get_args(Within)) | {"late"}


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One rule: the requests it is for, and what happens to them.

    A request must meet every matcher that is set. ``nth``, ``first``, ``every`` and
    ``probability`` choose among the requests that meet ``method``, ``path`` and ``external_id``.

    Attributes:
        effect: What happens; README and contract say what a client should make of it.
        method: The HTTP method.
        path: The path below the base, such as ``/users/batch``.
        external_id: The user, or any of the users, that the request must contain.
        nth: The numbers of the matching requests to hit, from 1.
        first: How many matching requests to hit, from the first.
        every: Hits one in this many matching requests, the last of them.
        probability: The share of matching requests, 0 to 1.
        times: Stop after this many hits.
        status: For ``status`` (500) and ``refuse_batch`` (422).
        code: The error's code; by default the one that goes with the status.
        message: The error's message.
        retry_after: ``Retry-After``: seconds, or an HTTP date; ``None``: no such header.
        html: Answer with a proxy's HTML page in place of problem+json.
        numeric_code: A legacy numeric code in place of ``code``.
        huge_bytes: Make the body at least this long.
        seconds: How long ``stall`` and ``stall_after`` hold the connection, how long ``drip`` waits
            between bytes, after how long ``late`` applies.
        named: Whether ``refuse_batch`` names the guilty item.
        index: The guilty item of ``refuse_batch``, by its position.
        location: Where ``redirect`` points.
    """

    effect: Effect
    method: str | None = None
    path: str | None = None
    external_id: str | Sequence[str] | None = None
    nth: Sequence[int] | None = None
    first: int | None = None
    every: int | None = None
    probability: float | None = None
    times: int | None = None
    status: int | None = None
    code: str | None = None
    message: str = "A fault of the sandbox."
    retry_after: int | str | None = None
    html: bool = False
    numeric_code: int | None = None
    huge_bytes: int = 0
    seconds: float = 1.0
    named: bool = True
    index: int | None = None
    location: str = "https://elsewhere.example/api/client/users/batch"

    def __post_init__(self) -> None:
        if self.effect not in EFFECTS:
            message = f"no such effect: {self.effect}; there are {', '.join(sorted(EFFECTS))}"
            raise ValueError(message)
        if self.effect == "item_error" and self.external_id is None:
            message = "item_error needs external_id"
            raise ValueError(message)
        if self.effect == "refuse_batch" and self.external_id is None and self.index is None:
            message = "refuse_batch needs external_id or index"
            raise ValueError(message)

    @classmethod
    def from_json(cls, rule: Mapping[str, Any]) -> Fault:
        """Return a rule of a ``--faults`` file.

        Args:
            rule: The attributes of a fault.

        Raises:
            ValueError: It is not a valid rule.
        """
        if not isinstance(rule, dict):
            message = 'a fault is an object such as {"effect": "status", "status": 503}'
            raise ValueError(message)  # noqa: TRY004 - as for any other invalid rule
        known = [item.name for item in fields(cls)]
        unknown = sorted(rule.keys() - set(known))
        if unknown:
            message = f"a fault has no {', '.join(unknown)}; it takes {', '.join(known)}"
            raise ValueError(message)
        if "effect" not in rule:
            message = f"a fault needs an effect: {', '.join(sorted(EFFECTS))}"
            raise ValueError(message)
        try:
            return cls(**rule)
        except TypeError as error:
            message = f"not a fault: {error}"
            raise ValueError(message) from error

    @property
    def external_ids(self) -> frozenset[str]:
        """The users that the rule names."""
        if self.external_id is None:
            return frozenset()
        if isinstance(self.external_id, str):
            return frozenset({self.external_id})
        return frozenset(self.external_id)

    @property
    def is_refusal(self) -> bool:
        """Whether the effect is the server's own refusal, remembered like any other.

        An answer of a proxy's, a passing fault, and an answer about keys are not.
        """
        if self.effect == "status":
            is_about_keys = self.code is not None and self.code.startswith("idempotency_")
            return 400 <= (self.status or 500) < 500 and not self.html and not is_about_keys  # noqa: PLR2004
        return self.effect == "quota"

    def is_for(self, method: str, path: str, external_ids: Collection[str]) -> bool:
        """Say whether a request meets ``method``, ``path`` and ``external_id``.

        Args:
            method: The request's.
            path: The request's, below the base.
            external_ids: Every one that the request contains.
        """
        return (
            (self.method is None or self.method == method)
            and (self.path is None or self.path == path)
            and (self.external_id is None or not self.external_ids.isdisjoint(external_ids))
        )


@dataclass
class _Rule:
    fault: Fault
    matched: int = 0
    hits: int = 0

    def strikes(self, random_: random.Random) -> bool:
        fault, number = self.fault, self.matched
        return (
            (fault.times is None or self.hits < fault.times)
            and (fault.nth is None or number in fault.nth)
            and (fault.first is None or number <= fault.first)
            and (fault.every is None or number % fault.every == 0)
            and (fault.probability is None or random_.random() < fault.probability)
        )


@dataclass
class Faults:
    """The rules in force; each counts the requests it is for, and the first that strikes wins.

    Only ``item_error`` adds up: where one wins, later ones that strike join in, so that two users
    of a batch can fail in two ways.

    Args:
        seed: Makes ``probability`` the same in each run.
    """

    seed: int = 0
    _rules: list[_Rule] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # nosec B311  # noqa: S311 - chance, not secrecy

    def add(self, *faults: Fault) -> None:
        """Add rules behind those in force."""
        self._rules = [*self._rules, *(_Rule(fault) for fault in faults)]

    def replace(self, faults: Iterable[Fault] = ()) -> None:
        """Replace the rules in force; without new ones there are no more faults."""
        self._rules = [_Rule(fault) for fault in faults]

    def hits(self, fault: Fault) -> int:
        """Return how many requests a rule has hit."""
        return sum(rule.hits for rule in self._rules if rule.fault == fault)

    def choose(self, method: str, path: str, external_ids: Collection[str]) -> list[Fault]:
        """Return what happens to a request: nothing, one fault, or several item errors.

        Each rule that is for the request counts it.

        Args:
            method: The request's.
            path: The request's, below the base.
            external_ids: Every one that the request contains.
        """
        chosen: list[Fault] = []
        for rule in self._rules:
            if not rule.fault.is_for(method, path, external_ids):
                continue
            rule.matched += 1
            joins = not chosen or chosen[0].effect == rule.fault.effect == "item_error"
            if joins and rule.strikes(self._random):
                rule.hits += 1
                chosen.append(rule.fault)
        return chosen
