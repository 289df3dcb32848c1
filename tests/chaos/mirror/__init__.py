"""Chaos over several nights: a snapshot, users that leave the source, and everything that fails.

``source`` makes up a table that changes from night to night, ``feed`` says what a tap prints of it,
``scenario`` draws a run from its seed, ``run`` lets it happen. ``expected`` works out what Spotzee
should hold, ``evidence`` who may be removed and when, and ``verdict`` says what was promised and
not kept. To see it all: ``python -m tests.chaos --mirror``; one run again: ``--mirror --seed N``.
"""
