"""What a chunk costs, counted: the price that `counts.py` has limits for."""

from __future__ import annotations

from typing import ClassVar

from .counting import TASKS, CannotCountError, allocations, profiled


class CountsOfChunk:
    params: ClassVar = [list(TASKS)]
    param_names: ClassVar = ["task"]
    timeout = 300

    def setup_cache(self) -> tuple[dict, dict]:
        """Count everything at once; leave out what this machine cannot count."""
        told = []
        for count in (allocations, profiled):
            try:
                told.append(count())
            except CannotCountError:
                told.append({})
        return told[0], told[1]

    def _track(self, found: dict, task: str, what: str) -> float:
        if task not in found:
            raise NotImplementedError("can't be counted on this machine")
        return found[task][what]

    def track_allocations(self, told: tuple[dict, dict], task: str) -> float:
        return self._track(told[0], task, "allocations")

    def track_file_calls(self, told: tuple[dict, dict], task: str) -> float:
        return self._track(told[0], task, "file_calls")

    def track_instructions(self, told: tuple[dict, dict], task: str) -> float:
        return self._track(told[1], task, "instructions")

    def track_copies(self, told: tuple[dict, dict], task: str) -> float:
        return self._track(told[1], task, "copies")

    def track_gil(self, told: tuple[dict, dict], task: str) -> float:
        return self._track(told[1], task, "gil")
