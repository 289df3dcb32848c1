"""How a sandbox behaves where accounts and releases of Spotzee differ."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from target_spotzee.sandbox.subscriptions import USUAL_TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from target_spotzee.sandbox.limits import Tier
    from target_spotzee.sandbox.problems import ParamStyle
    from target_spotzee.sandbox.subscriptions import SubscriptionType

# From the one that may do least to the one that may do most.
Role: TypeAlias = Literal["support", "smtpproxy", "editor", "publisher", "admin"]

KEY = "sk_sandbox"
VERSION = "2026-04-28"


@dataclass(kw_only=True)
class Options:
    """What can be set, with the contract's values as defaults.

    Those from ``case_blind`` to ``delete_delay`` are habits that were measured on the platform that
    Spotzee descends from, November 2026. No document tells of them, so a client must be right with
    and without each.

    Attributes:
        project_id: The project's id, in ``GET /me`` and in each user.
        project_name: The project's name, in ``GET /me``.
        subscription_types: What users can subscribe to.
        keys: The role of each secret key.
        versions: The known dates of ``Spotzee-Version``; the first is the default.
        latency_ms: How long each write takes.
        idempotency: Whether ``Idempotency-Key`` has an effect.
        ip_limit: Whether requests are counted per source address.
        requests_per_10s: For everything under ``/api/``.
        requests_per_minute: For everything under ``/api/client/``.
        tier: The writes per second that a key may make; ``None``: not limited.
        over_quota: Whether every write is refused with 402.
        max_body_bytes: Larger bodies are refused with 413.
        max_url_bytes: Longer addresses are refused with 431.
        param_style: How ``errors[].param`` names an item; ``none``: no ``errors`` at all.
        success_key: The key under which a result carries its user.
        ids_in_results: Whether a result names its item's ids.
        case_blind: Whether ids that differ only in case are the same.
        accent_blind: Whether ids that differ only in accents are the same.
        phone_attributes: Whether a phone adds ``phone_country`` and ``phone_is_valid`` to ``data``.
        phone_wipes: Whether a phone without ``data`` beside it wipes the user's ``data``.
        doubles: Whether numbers in ``data`` are kept as doubles.
        subscribe_on_create: Whether a new user with an address is subscribed to every type of
            that channel.
        watch: Whether it is remembered how each user could be reached at every moment.
        queue_delay: Seconds until a queued write is applied.
        delete_delay: Seconds until a DELETE is applied; 0: as long as any other queued write.
        shuffle_queue: Whether queued items are applied in any order.
        keep_requests: How many requests and versions of users are remembered; ``None``: all.
        seed: Makes random choices the same in each run.
    """

    project_id: int = 1
    project_name: str = "Sandbox"
    subscription_types: Sequence[SubscriptionType] = USUAL_TYPES
    keys: Mapping[str, Role] = field(default_factory=lambda: {KEY: "editor"})
    versions: tuple[str, ...] = (VERSION,)
    latency_ms: float = 0
    idempotency: bool = True
    ip_limit: bool = True
    requests_per_10s: int = 1000
    requests_per_minute: int = 8000
    tier: Tier | None = None
    over_quota: bool = False
    max_body_bytes: int = 5 * 1_048_576
    max_url_bytes: int = 16 * 1024
    param_style: ParamStyle = "dot"
    success_key: Literal["user", "contact"] = "user"
    ids_in_results: bool = True
    case_blind: bool = False
    accent_blind: bool = False
    phone_attributes: bool = False
    phone_wipes: bool = False
    doubles: bool = False
    subscribe_on_create: bool = False
    watch: bool = False
    queue_delay: float = 0
    delete_delay: float = 0
    shuffle_queue: bool = False
    keep_requests: int | None = None
    seed: int = 0
