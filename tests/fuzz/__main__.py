"""The fuzzers: damaged documents, chunks, shards and hierarchies, each in a process with little memory.

`python -m tests.fuzz TARGET 100000 [SEED]` runs many, `all` runs every target; under AddressSanitizer too (LD_PRELOAD).
Each execution has a number, and `python -m tests.fuzz TARGET 1 SEED NUMBER` repeats that one.

A target is a function of a directory that it may use. It returns a function of a `random.Random`, which does one
execution, returns a word for the outcome and raises for anything that must not be.
"""

import faulthandler
import importlib
import os
import random
import sys
import tempfile
import time
import warnings

MEMORY = 3 << 30  # address space of a run; the arrays are of a few KiB
GROWTH = 128 << 10  # KiB by which one execution may raise the most memory that was ever in use
SLOW = 1.0  # seconds of processor time for one execution
STUCK = 60  # seconds

TARGETS = {
    "arrays": "tests.fuzz.arrays",
    "wild": "tests.fuzz.wild",
    "shards": "tests.fuzz.shards",
    "kernels": "tests.fuzz.kernels",
    "documents": "tests.fuzz.documents",
    "names": "tests.fuzz.names",
    "zips": "tests.fuzz.zips",
}
SANITIZED = "asan" in os.environ.get("LD_PRELOAD", "")


def peak():
    """Return the largest memory use so far, in KiB; 0 if the system does not tell."""
    if sys.platform != "linux" or SANITIZED:
        return 0
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def limited():
    """Limit the memory to what an execution needs; a sanitizer needs much."""
    if sys.platform == "linux" and not SANITIZED:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def attempt(execute, seed, number, again):
    """Run one execution; return its outcome, and a line for each thing that was wrong with it."""
    wrong = []
    faulthandler.dump_traceback_later(STUCK, exit=True)
    start, before = time.process_time(), peak()
    try:
        outcome = execute(random.Random(seed * 1_000_003 + number))
    except Exception as error:
        if again:
            raise
        outcome = f"WRONG {type(error).__name__}"
        wrong.append(f"{type(error).__name__}: {str(error)[:300]}")
    seconds, grown = time.process_time() - start, peak() - before
    if seconds > (10 * SLOW if SANITIZED else SLOW):
        wrong.append(f"{seconds:.1f} s")
    if grown > GROWTH:
        wrong.append(f"{grown >> 10} MiB")
    return outcome, wrong


def run(name, n, seed=0, only=None):
    """`n` executions of a target; returns how often each outcome came, and a line for each failure."""
    outcomes, failures = {}, []
    with tempfile.TemporaryDirectory() as top, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        execute = getattr(importlib.import_module(TARGETS[name]), name)(top)
        for number in range(n) if only is None else [only]:
            outcome, wrong = attempt(execute, seed, number, only is not None)
            failures += [f"{line}; repeat: python -m tests.fuzz {name} 1 {seed} {number}" for line in wrong]
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
    faulthandler.cancel_dump_traceback_later()
    return outcomes, failures


def main(names, n, seed=0, only=None):
    """Run as a program; 1 if anything was wrong."""
    faulthandler.enable()
    limited()
    bad = False
    for name in TARGETS if names == "all" else names.split(","):
        outcomes, failures = run(name, n, seed, only)
        print(*failures[:50], sep="\n")
        print(f"{name}: {n} executions, {len(failures)} failures: {outcomes}", flush=True)
        bad |= bool(failures)
    return bad


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], *(int(word) for word in sys.argv[2:])))
