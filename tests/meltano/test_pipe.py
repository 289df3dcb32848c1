"""A look into a pipe takes nothing out of it, and tells where its writer is stuck."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import pytest

from tests.meltano.faults import wait_for
from tests.meltano.pipe import stdout_of

PIPE_BYTES = 65_536
"""What a pipe takes at first."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows a pipe's content")


def write(lengths: Sequence[int]) -> subprocess.Popen[bytes]:
    """Start a process that writes lines of these lengths, each at once."""
    program = (
        "import os, sys\nfor length in sys.argv[1:]: os.write(1, b'x' * (int(length) - 1) + b'\\n')"
    )
    arguments = [sys.executable, "-c", program, *map(str, lengths)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE)


@pytest.mark.parametrize("first", [100, PIPE_BYTES - 1, PIPE_BYTES], ids="{} bytes".format)
def test_a_writer_gets_stuck_in_its_long_line_whatever_came_before(first: int) -> None:
    lengths = [first, 5 * PIPE_BYTES]
    with write(lengths) as process:
        assert process.stdout is not None
        with stdout_of(process.pid) as pipe:
            wait_for(pipe.cuts_a_line)
            content = pipe.content()
            assert pipe.content() == content
        process.kill()
        process.wait()  # until it is gone it may go on writing
        assert process.stdout.read() == content
    assert first < len(content) < sum(lengths)


def test_whole_lines_are_not_cut() -> None:
    with write([100, 200]) as process, stdout_of(process.pid) as pipe:
        wait_for(lambda: len(pipe.content()) == 300)
        assert not pipe.cuts_a_line()
