"""The runs that used a snapshot."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from target_spotzee.snapshot.file import SnapshotFile

RUNS_SHOWN = 20


class History:
    """The runs that used a file.

    Args:
        file: The file.
    """

    def __init__(self, file: SnapshotFile) -> None:
        self._file = file

    def begin(self, run_id: str, began: datetime) -> int:
        """Note that a run begins; return its number."""
        ((latest,),) = self._file.rows("SELECT max(number) FROM runs")
        number = 1 + (latest or 0)
        with self._file.transaction() as file:
            file.write(
                "INSERT INTO runs VALUES (?, ?, ?, NULL, NULL, NULL)",
                [(number, run_id, began.isoformat(timespec="seconds"))],
            )
        return number

    def end(self, number: int, exit_code: int, seconds: float, figures: Mapping[str, int]) -> None:
        """Note how a run ended; in a transaction."""
        self._file.write(
            "UPDATE runs SET seconds = ?, exit_code = ?, figures = ? WHERE number = ?",
            [(round(seconds, 3), exit_code, json.dumps(figures), number)],
        )

    def was_sent_since(self, key: tuple[str, int], run_id: str, time: str) -> bool:
        """Say whether a user's newest request was made by a later run than another.

        Args:
            key: The user's identity and the stream's number.
            run_id: The other run; several may have borne it.
            time: A moment of that run, ISO 8601.
        """
        found = self._file.rows(
            "SELECT 1 FROM users JOIN requests ON requests.number = users.request"
            " JOIN runs ON runs.number = requests.run"
            " WHERE users.identity = ? AND users.stream = ? AND (runs.began > ?"
            " OR runs.number > (SELECT max(number) FROM runs WHERE run_id = ?))",
            [*key, time, run_id],
        )
        return bool(found)

    def runs(self, before: int) -> list[dict[str, Any]]:
        """Return the last runs before another, the newest first; one that was killed has no end."""
        rows = self._file.rows(
            "SELECT run_id, began, seconds, exit_code, figures FROM runs WHERE number < ?"
            " ORDER BY number DESC LIMIT ?",
            [before, RUNS_SHOWN],
        )
        return [
            {
                "run_id": run_id,
                "began": began,
                "seconds": seconds,
                "exit_code": exit_code,
                **json.loads(figures or "{}"),
            }
            for run_id, began, seconds, exit_code, figures in rows
        ]
