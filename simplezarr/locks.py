"""Locks by name: one for each key of a store that is being changed."""

import os

from simplezarr.executor import RLock, allocate_lock, get_ident

__all__ = ["KeyLock"]

_guard = RLock()  # of the dict; reentrant, as a signal handler may also want a lock
_states: "dict[tuple[int, str], _KeyState]" = {}  # of the keys that some thread holds or waits for


class KeyLock:
    """`with KeyLock(owner, key)`: only one thread of the process at a time is inside, for each owner and key.

    Not reentrant: a thread that is inside already gets a RuntimeError. A forked child holds no lock of its parent's.

    >>> with KeyLock(None, "a"), KeyLock(None, "b") as other:
    ...     KeyLock.mine(None, "b") is other, KeyLock.mine(None, "c")
    (True, None)
    """

    __slots__ = ("_name", "_owner", "_state")

    def __init__(self, owner: object, key: str):
        self._owner, self._name = owner, (id(owner), key)  # the owner is kept, so that nobody else gets its id

    def __enter__(self) -> "KeyLock":
        with _guard:
            state = _states.get(self._name)
            if state is None:
                state = _states[self._name] = _KeyState()
            if state.thread == get_ident():
                raise RuntimeError(f"this thread holds the lock on {self._name[1]!r} already, and would wait for ever")
            state.users += 1
        try:
            state.lock.acquire()
        except BaseException:  # an interrupt
            self._leave(state)
            raise
        self._state, state.thread, state.holder = state, get_ident(), self
        return self

    def __exit__(self, *error: object) -> None:
        state = self._state
        state.thread = state.holder = None
        state.lock.release()
        self._leave(state)

    def _leave(self, state: "_KeyState") -> None:
        with _guard:
            state.users -= 1
            if not state.users and _states.get(self._name) is state:  # after a fork it is not
                del _states[self._name]

    def let_go(self) -> None:
        """Close what the lock rests on outside of the process; in a forked child, where it stays with the parent."""

    @staticmethod
    def mine(owner: object, key: str) -> "KeyLock | None":
        """The lock on this key that the calling thread is inside of, if it is."""
        state = _states.get((id(owner), key))
        return state.holder if state is not None and state.thread == get_ident() else None


class _KeyState:
    """What the threads that want one key share: the lock, how many they are, and who is inside."""

    __slots__ = ("holder", "lock", "thread", "users")

    def __init__(self) -> None:
        self.lock, self.users = allocate_lock(), 0
        self.thread: int | None = None
        self.holder: KeyLock | None = None


def _after_fork_in_child() -> None:
    """What threads of the parent hold stays theirs; no thread of the child holds anything."""
    global _guard, _states
    _guard = RLock()
    states, _states = _states, {}
    for state in states.values():
        if state.holder is not None:
            state.holder.let_go()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
