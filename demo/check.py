"""Shows a row of the demo's file beside the user it became; checks that every row became one."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

API_URL = os.environ["TARGET_SPOTZEE_API_URL"]
API_KEY = os.environ["TARGET_SPOTZEE_API_KEY"]
SHOWN = 5
FIELDS = ("external_id", "email", "phone", "timezone", "locale")


def get(url: str) -> Any:  # noqa: ANN401 - any JSON
    """Return what the sandbox has at an address."""
    request = Request(url, headers={"Authorization": f"Bearer {API_KEY}"})  # noqa: S310 - http
    with urlopen(request) as answer:  # noqa: S310 - http
        return json.load(answer)


def column(title: str, fields: dict[str, Any]) -> Iterator[str]:
    """Yield lines: a title, then each field."""
    yield title
    width = max(map(len, fields))
    for name, value in fields.items():
        yield f"  {name:<{width}} {json.dumps(value, ensure_ascii=False)}"


def main(path: str) -> int:
    """Return the exit code: 0 if there are as many users as rows."""
    rows = Path(path).read_text(encoding="utf-8").splitlines()
    user = get(f"{API_URL}/users/{SHOWN}")
    fields = {name: user[name] for name in FIELDS}
    fields |= {f"data.{name}": value for name, value in user["data"].items()}
    before = [*column(f"row {SHOWN} of {path}", json.loads(rows[SHOWN - 1]))]
    after = column(f"user {SHOWN} in Spotzee", fields)
    width = max(map(len, before))
    print()
    for left, right in zip_longest(before, after, fillvalue=""):
        print(f"{left:<{width}} {right}".rstrip())
    users = get(API_URL.replace("/api/client", "/live"))["users"]
    print(f"\n{len(rows):,} rows in the file, {users:,} users in Spotzee.")
    return 0 if users == len(rows) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
