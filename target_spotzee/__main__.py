"""The command: ``target-spotzee``, or ``python -m target_spotzee``."""

from __future__ import annotations

import gc


def main() -> None:
    """Run the target and exit with its code."""
    from target_spotzee.singer import stdio

    stdio.keep_places()
    # Nothing that is being imported is garbage; looking for some takes a seventh of the start.
    gc.disable()
    from target_spotzee.singer.target import TargetSpotzee

    gc.enable()
    with stdio.told_to_the_end():
        TargetSpotzee.cli()


if __name__ == "__main__":
    main()
