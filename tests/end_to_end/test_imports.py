"""What a process loads, and when."""

from __future__ import annotations

import subprocess
import sys


def test_no_library_is_loaded_before_a_value_needs_it() -> None:
    code = (
        "import sys; from target_spotzee import fields; fields.email('ann@example.com');"
        "print({'email_validator', 'langcodes', 'phonenumbers', 'tzlocal'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
