"""What a reader hands on, for a test to look at."""

from __future__ import annotations

from typing import Any


class SeenRecords(list[tuple[str, Any, str | bytes, object, bool]]):
    """Each record as it was handed on: stream, record, line, reject, and whether it is sound."""

    def __call__(
        self,
        stream: str,
        record: Any,
        line: str | bytes,
        reject: object = None,
        *,
        is_sound: bool = True,
        version: object = None,  # noqa: ARG002 - as `OnRecord`
    ) -> None:
        self.append((stream, record, line, reject, is_sound))
