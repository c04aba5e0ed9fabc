"""How much reads leave to other threads, and to each other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any


def waited_for_processor() -> float:
    """Return the seconds that this thread was ready to run while others had the processors, if the system tells."""
    try:
        with open("/proc/thread-self/schedstat", encoding="ascii") as status:
            return int(status.read().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


def pace_of_loop(beside: Callable[[], Any], seconds: float) -> float:
    """Return the turns per second of a pure-Python loop in another thread, while ``beside`` is called repeatedly.

    Seconds in which the machine was busy with others are not counted, those in which the loop had to wait for us are.
    """
    begun, pace, end = threading.Event(), 0.0, False

    def spin() -> None:
        nonlocal pace
        turns = 0
        start, waited = time.perf_counter(), waited_for_processor()
        begun.set()
        while not end:
            turns += 1
        pace = turns / (time.perf_counter() - start - (waited_for_processor() - waited))

    thread = threading.Thread(target=spin)
    thread.start()
    begun.wait()
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        beside()
    end = True
    thread.join()
    return pace


def share_of_loop(read: Callable[[], Any], seconds: float = 0.2, tries: int = 5) -> float:
    """Return the loop's pace beside reads as a part of its pace alone: the median of some tries."""
    shares = [pace_of_loop(read, seconds) / pace_of_loop(lambda: time.sleep(seconds), seconds) for _ in range(tries)]
    return sorted(shares)[tries // 2]


def seconds_at_once(read: Callable[[int], Any], threads: int) -> float:
    """Return the seconds that reads number 0, 1, … take, each in a thread of its own, all at once."""
    barrier = threading.Barrier(threads + 1)

    def work(i: int) -> None:
        barrier.wait()
        read(i)

    workers = [threading.Thread(target=work, args=(i,)) for i in range(threads)]
    for worker in workers:
        worker.start()
    start = time.perf_counter()
    barrier.wait()
    for worker in workers:
        worker.join()
    return time.perf_counter() - start


def cost_at_once(read: Callable[[int], Any], threads: int = 8, tries: int = 5) -> float:
    """Return the time of reads at once over that of the same one by one: 1 on one processor, 0.5 at best on two."""
    ratios = []
    for _ in range(tries):
        start = time.perf_counter()
        for i in range(threads):
            read(i)
        alone = time.perf_counter() - start
        ratios.append(seconds_at_once(read, threads) / alone)
    return min(ratios)
