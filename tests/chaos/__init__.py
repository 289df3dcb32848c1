"""Chaos: whatever happens, nothing is lost, nothing is stale, no state is ahead.

``scenario`` draws a run from a seed, ``run`` lets it happen with real processes against a local
Spotzee, ``verdict`` says what was promised and not kept, ``table`` adds it up. To see it all:
``python -m tests.chaos``; one run again: ``python -m tests.chaos --seed N``.
"""
