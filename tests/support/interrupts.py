"""Interrupts at a chosen instruction of the package."""

import os
import sys
from pathlib import Path

import simplezarr as sz

PACKAGE = str(Path(sz.__file__).parent) + os.sep


class Stop(KeyboardInterrupt):
    """An interrupt that no other code raises."""


def interrupted(operation, at, only=PACKAGE, opcodes=True):
    """Call `operation`, and raise in its thread at the event of this number: a line, or an instruction, of the package.

    Returns whether there was such an event.
    """
    count = 0

    def trace(frame, event, _):
        nonlocal count
        if not frame.f_code.co_filename.startswith(only):
            return None
        frame.f_trace_opcodes = opcodes
        if count == at:
            count += 1
            sys.settrace(None)
            raise Stop
        count += 1
        return trace

    before = sys.gettrace()
    try:
        sys.settrace(trace)
        operation()
    except Stop:
        pass
    finally:
        sys.settrace(before)
    return count > at
