"""Batches are copied ahead, and their memory is kept until the copy has ended. No device is needed."""

import pytest

from simplezarr.torch.ahead import Ahead


class Source:
    """Batches by number. Those of `failing` can't be read, and only those below `complete` are ready."""

    def __init__(self, n, complete=10**9, failing=()):
        self.n, self.complete, self.failing, self.delivered, self.closed = n, complete, failing, 0, False

    def __next__(self):
        if self.delivered >= self.n:
            raise StopIteration
        number = self.delivered
        self.delivered += 1
        if number in self.failing:
            raise OSError(f"batch {number}")
        return number

    def ready(self):
        return self.delivered < self.complete

    def close(self):
        self.closed = True


class Device:
    """Begins copies, and writes down what happens. Copies end when they are told to."""

    def __init__(self):
        self.events, self.done, self.alive = [], set(), set()

    def __call__(self, number):
        self.events.append(("begin", number))
        self.alive.add(number)
        return _Copy(self, number)


class _Copy:
    def __init__(self, device, number):
        self.device, self.number = device, number

    def take(self):
        self.device.events.append(("take", self.number))
        return self.number

    def is_done(self):
        return self.number in self.device.done

    def wait(self):
        self.device.events.append(("wait", self.number))
        self.device.done.add(self.number)

    def __del__(self):
        assert self.number in self.device.done, "the source was let go while it was copied"
        self.device.alive.discard(self.number)


def test_the_next_copy_begins_before_it_is_asked_for():
    device = Device()
    batches = Ahead(Source(3), device)
    assert next(batches) == 0
    assert device.events == [("begin", 0), ("take", 0), ("begin", 1)]
    assert [*batches] == [1, 2]
    assert device.events[3:] == [("take", 1), ("begin", 2), ("take", 2)]


def test_no_batch_is_waited_for_ahead():
    device = Device()
    batches = Ahead(Source(3, complete=1), device)
    assert next(batches) == 0
    assert device.events == [("begin", 0), ("take", 0)]
    assert next(batches) == 1


def test_what_was_delivered_is_counted():
    """Not what was copied ahead."""
    source = Source(4)
    batches = Ahead(source, Device())
    for number in range(4):
        assert batches.delivered == number
        assert next(batches) == number
    assert (batches.delivered, source.delivered) == (4, 4)
    with pytest.raises(StopIteration):
        next(batches)
    assert batches.delivered == 4


def test_it_goes_on_from_where_the_source_is():
    source = Source(5)
    source.delivered = 3
    batches = Ahead(source, Device())
    assert batches.delivered == 3
    assert [*batches] == [3, 4]


def test_sources_are_held_until_their_copies_have_ended():
    device = Device()
    batches = Ahead(Source(5), device)
    for _ in range(3):
        next(batches)
    assert device.alive == {0, 1, 2, 3}
    device.done |= {0, 1}
    next(batches)
    assert device.alive == {2, 3, 4}
    batches.close()
    assert device.alive == set()


def test_an_error_is_raised_for_its_batch():
    """Not one batch earlier, when it was met."""
    batches = Ahead(Source(4, failing={1, 3}), Device())
    assert next(batches) == 0
    with pytest.raises(OSError, match="batch 1"):
        next(batches)
    assert batches.delivered == 2
    assert next(batches) == 2
    with pytest.raises(OSError, match="batch 3"):
        next(batches)
    with pytest.raises(StopIteration):
        next(batches)


@pytest.mark.parametrize("end", [lambda batches: batches.close(), lambda batches: batches.__del__()])
def test_the_end_waits_for_copies(end):
    """Also for the one that nobody has asked for."""
    device, source = Device(), Source(5)
    batches = Ahead(source, device)
    next(batches)
    end(batches)
    assert source.closed
    assert device.alive == set()
    assert [event for event in device.events if event[0] == "wait"] == [("wait", 0), ("wait", 1)]
