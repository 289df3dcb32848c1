"""What looks like a secret and is none; ``make audit`` passes over these, each for a reason."""

from __future__ import annotations

MADE_UP = (
    "sk_none_needed",  # stands in for the key where --dry-run needs none
    "f7349f1210cae463",  # the content id of the README's rejected record
    # Keys that only the sandbox knows, or nobody.
    "sk_canary_of_the_key",
    "sk_made_up",
    "sk_secret",
    "sk_x",
    "sk_zzz",
    # Keys that have to be refused: of an organisation, publishable, of no kind, with a line break.
    "ok_live_zzz",
    "pk_live_zzz",
    "zzz",
    "sk_a\\r\\nX-Evil: 1",
    # Passwords: of a database that a test starts and throws away, of proxies that do not exist.
    "a password / with = signs",
    "canary-password",
    "pass",
    "secret",  # a made-up customer's
    # Not even that: the role of a key, the name of a file.
    "editor",
    "key",
)


def is_made_up(secret: str) -> bool:
    """Say whether detect-secrets may pass over what it found."""
    return secret in MADE_UP
