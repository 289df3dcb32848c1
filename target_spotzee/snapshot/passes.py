"""When a stream was shown whole, so that who is missing has left: pure rules.

A *pass* is one showing of all of a stream's records. It is *proved* by an ACTIVATE_VERSION that
comes after the records of its version. Where that comes before them, as the SDK's taps send it, or
never, only the end of the input says that the pass is over, and a tap that died looks the same.
"""

from __future__ import annotations

import msgspec


class Before(msgspec.Struct, eq=False):
    """A whole pass that came before.

    Attributes:
        last: The identity with which it ended.
        issued: How many users the stream had had at its end.
    """

    last: str
    issued: int


class Pass(msgspec.Struct, eq=False):
    """How far a stream's current pass is, over all runs that showed it.

    Attributes:
        version: The tap's version of the stream; ``None`` where it has none.
        records: How many records were shown.
        is_early: Whether its version was activated before its records.
        is_versioned: Whether all of its records bore its version.
        is_over: Whether the next record begins another pass.
        proved_in: The number of the run in which its version was activated after its records, until
            who is missing has been looked for.
        is_certain: Whether a state followed the activation that proved it.
        is_stated: Whether a state followed its last record.
        flaw: Why nobody can say who is missing, if so.
        activated: The highest version that was activated so far.
        last: The identity of the last record.
        run: The number of the last run that showed a record.
        began: The number of the run that showed the first.
        before: The pass before, if it was whole.
        has_met: Whether the user was shown with whom the pass before ended.
        has_passed: Whether more were shown after that one.
    """

    version: int | None = None
    records: int = 0
    is_early: bool = False
    is_versioned: bool = True
    is_over: bool = True
    proved_in: int | None = None
    is_certain: bool = False
    is_stated: bool = False
    flaw: str | None = None
    activated: int | None = None
    last: str = ""
    run: int = 0
    began: int = 0
    before: Before | None = None
    has_met: bool = False
    has_passed: bool = False

    def begins_with(self, version: int | None) -> bool:
        """Say whether a record of a version is the first of another pass."""
        is_newer = version is not None and (self.version is None or version > self.version)
        return self.is_over or is_newer

    def begin(self, version: int | None) -> None:
        """Begin another pass."""
        self.version = version
        self.records = 0
        self.is_versioned = True
        self.is_early = self.is_over = self.is_stated = False
        self.proved_in, self.is_certain = None, False
        self.has_met = self.has_passed = False
        self.flaw = None

    def show(self, version: int | None, identity: str | None, run: int) -> None:
        """Note a record of the pass, by its user's identity if it is known."""
        self.records += 1
        if version != self.version:
            self.is_versioned = False
        self.is_stated = False
        self.run = run
        if self.records == 1:
            self.began = run
        if self.proved_in is not None and (self.proved_in == run or not self.is_certain):
            self.proved_in, self.is_early = None, True  # it was activated before its end: no proof
        if self.before is not None:
            if identity == self.before.last:
                self.has_met, self.has_passed = True, False
            elif self.has_met:
                self.has_passed = True
        if identity is not None:
            self.last = identity

    def lacks_version(self, run: int) -> bool:
        """Say whether a run has shown records that bear no version: none says anything of them."""
        is_open = bool(self.records) and not self.is_over
        return self.version is None and is_open and self.run == run

    def activates(self, version: int, run: int) -> bool:
        """Say whether an ACTIVATE_VERSION is news: not of an old version, nor of one known."""
        if self.lacks_version(run):
            return False
        is_known = version == self.version and self.proved_in is not None
        is_old = self.version is not None and version < self.version
        return not (is_known or is_old) and (self.activated is None or version > self.activated)

    def activate(self, run: int) -> None:
        """Note an ACTIVATE_VERSION of the pass, which has begun."""
        if self.records and self.is_versioned and not self.is_early:
            self.proved_in, self.is_certain = run, False
        else:
            self.is_early = True

    def state(self, *, is_finished: bool) -> None:
        """Note a state of the tap's, and whether it says that the stream was read to its end."""
        self.is_stated = is_finished
        if is_finished and self.proved_in is not None:
            self.is_certain = True

    def end(self, issued: int) -> None:
        """Note that the pass is over and was whole."""
        self.before = Before(last=self.last, issued=issued)
        self.drop()

    def drop(self) -> None:
        """Note that the pass is over."""
        self.is_over, self.proved_in = True, None
        if self.version is not None and (self.activated is None or self.version > self.activated):
            self.activated = self.version
