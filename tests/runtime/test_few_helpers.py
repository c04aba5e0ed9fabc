"""A few helpers at first, and the others when the caller says so."""

import threading
import time

import pytest

from simplezarr.runtime import executor
from tests.support.helpers import within

pytestmark = pytest.mark.usefixtures("pool")


def test_the_others_come_when_the_caller_says_so():
    executor.set_num_threads(2)
    helpers, at_first, all_there = [], threading.Barrier(3), threading.Barrier(6)
    stages = iter([True, False])

    def work():
        helpers.append(threading.get_ident())
        if len(helpers) <= 2:
            at_first.wait(30)
        all_there.wait(30)

    def lead():
        if next(stages):
            at_first.wait(30)
            time.sleep(0.05)  # a third helper would begin now
            assert len(helpers) == 2
            return True
        all_there.wait(30)
        return False

    within(60, executor.run_workers, work, 6, None, 2, lead)
    assert (len(helpers), len(set(helpers))) == (5, 5)


def test_no_others_come_after_an_error():
    executor.set_num_threads(2)
    helpers, failed = [], threading.Event()
    stages = iter([True, False])

    def work():
        helpers.append(threading.get_ident())
        raise KeyError("the first")

    def lead():
        assert failed.wait(30)
        time.sleep(0.01)
        return next(stages)

    with pytest.raises(KeyError, match="the first"):
        within(60, executor.run_workers, work, 6, failed.set, 1, lead)
    assert len(helpers) == 1


def test_an_error_of_the_caller_is_raised_when_the_helpers_have_ended():
    executor.set_num_threads(2)
    stopped, began, ended = threading.Event(), threading.Barrier(3), []

    def work():
        began.wait(30)
        assert stopped.wait(30)
        ended.append(1)

    def lead():
        began.wait(30)
        raise KeyError("of the caller")

    with pytest.raises(KeyError, match="of the caller"):
        within(60, executor.run_workers, work, 6, stopped.set, 2, lead)
    assert len(ended) == 2


def test_without_threads_the_caller_does_the_work():
    executor.set_num_threads(1)
    calls = []
    executor.run_workers(lambda: calls.append("work"), 6, None, 2, lambda: calls.append("lead"))
    assert calls == ["work"]
