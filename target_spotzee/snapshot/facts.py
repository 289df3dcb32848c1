"""What the file says of itself: whose it is, and which of the tap's streams its streams are."""

from __future__ import annotations

from target_spotzee.exceptions import SettingsError
from target_spotzee.snapshot.file import SnapshotFile


class Facts:
    """Single facts, by name.

    Args:
        file: Where they are kept.
    """

    def __init__(self, file: SnapshotFile) -> None:
        self._file = file

    def bind(self, project: str, *, adopt: bool = False) -> None:
        """See that the file belongs to a project; a new file does from now on.

        Args:
            project: What tells the project from others.
            adopt: Whether to take the file over from another.

        Raises:
            SettingsError: It belongs to another one.
        """
        known = self._file.rows("SELECT value FROM facts WHERE name = 'project'")
        if known and known[0][0] != project and not adopt:
            raise SettingsError(
                "snapshot_path: belongs to another Spotzee project, or to one that can't be told"
                " apart from others by another key than this; use a file for each project, or, if"
                " it is the same project, --adopt-snapshot",
            )
        if not known or known[0][0] != project:
            with self._file.transaction() as file:
                file.write("INSERT OR REPLACE INTO facts VALUES ('project', ?)", [(project,)])

    def comes_from(self, stream: str, source: str) -> bool:
        """Note which of the tap's streams a stream is; say whether it was another one before."""
        name = f"source of {stream}"
        known = self._file.rows("SELECT value FROM facts WHERE name = ?", [name])
        if not known or known[0][0] != source:
            with self._file.transaction() as file:
                file.write("INSERT OR REPLACE INTO facts VALUES (?, ?)", [(name, source)])
        return bool(known) and known[0][0] != source
