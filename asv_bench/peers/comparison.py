"""Measuring rows: the workers of all contenders, and what is asked of them in which order."""

from __future__ import annotations

import argparse
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peers.contender import REQUESTS
from peers.contenders import OURS
from peers.process import Worker, WorkerGoneError
from peers.results import RowResult
from peers.rows import Link, Row, all_rows

VERIFIERS = ("tensorstore", "zarr")  # who reads back what others have written; the second what the first has


@dataclass
class Lane:
    """One contender at one row, timed once in every round; samples go where the row's result wants them."""

    worker: Worker
    request: dict[str, Any]
    samples: list[float]
    alive: bool = True


@dataclass(frozen=True)
class Where:
    """The directories of what is read and of what is written. A server has both, if there is an endpoint."""

    places: tuple[Path, Path]
    endpoint: str | None = None
    link: Link | None = None


class Comparison:
    """The worker processes, and what to do with them for each row."""

    def __init__(self, names: list[str], options: argparse.Namespace, where: Where) -> None:
        self.options, self.where = options, where
        self.rng = random.Random(options.seed)
        self.rows = {row.name: row for row in all_rows(options.size)}
        self.workers = {name: self._worker(name) for name in names}
        self.readers: dict[str, Worker] = {}

    def _worker(self, name: str) -> Worker:
        waiting = REQUESTS if self.where.link and self.where.link.latency else None
        return Worker(name, self.options.threads, self.where.places, self.options.timeout, waiting)

    def _request(self, row: Row) -> dict[str, Any]:
        return {**row.to_json(), "endpoint": self.where.endpoint}

    def close(self) -> None:
        for worker in (*self.workers.values(), *self.readers.values()):
            worker.close()

    def measure(self, row: Row) -> RowResult:
        """All rounds of one row."""
        result = RowResult(row)
        lanes = [lane for name, worker in self.workers.items() if (lane := self._lane(result, name, worker))]
        if row.like and OURS in result.samples:
            lanes += self._like(result, row.like)
        for _ in range(self.options.rounds):
            for lane in self.rng.sample(lanes, len(lanes)):
                self._once(result, lane)
        for lane in lanes:
            if lane.alive and not lane.worker.refused:
                lane.worker.ask("drop", row=lane.request)
        result.samples = {name: samples for name, samples in result.samples.items() if samples}
        if self.options.memory and not row.micro and not row.link:
            self._memory(result)
        return result

    def _lane(self, result: RowResult, name: str, worker: Worker) -> Lane | None:
        """Prepare and check one contender; return None, with the reason in the result, if that fails."""
        request = self._request(result.row)
        reason = worker.refused or self._prepare(result, worker, request)
        if not reason:
            return Lane(worker, request, result.samples.setdefault(name, []))
        result.reasons[name] = reason
        result.failed |= name == OURS and not worker.refused
        return None

    def _prepare(self, result: RowResult, worker: Worker, request: dict[str, Any]) -> str | None:
        try:
            prepared = worker.ask("prepare", row=request, tune=self.options.tune)
            if "refused" in prepared:
                return prepared["refused"]
            result.settings[worker.name] = prepared["setting"]
            if self.where.endpoint:
                counted = worker.ask("count", row=request)
                if "refused" in counted:
                    return counted["refused"]
                result.requests[worker.name], result.cpu[worker.name] = counted["requests"], counted["cpu"]
            checked = worker.ask("check", row=request)
        except WorkerGoneError as gone:
            return self._lose(result, worker, str(gone))
        if "written" in checked:
            checked = self._verify(result, worker.name, checked)
        return checked.get("refused") or checked["wrong"]

    def _verify(self, result: RowResult, writer: str, files: dict[str, str]) -> dict[str, Any]:
        """Let another library read what one has written."""
        name = VERIFIERS[writer.startswith(VERIFIERS[0])]
        reader = self.readers.get(name) or self.readers.setdefault(name, self._worker(name))
        try:
            verified = {"refused": reader.refused} if reader.refused else reader.ask("verify", **files)
        except WorkerGoneError as gone:
            reader.close()
            del self.readers[name]
            verified = {"refused": str(gone)}
        if "bytes" in verified:
            result.stored[writer] = verified["bytes"]
            return verified
        return {"refused": f"{name} could not read it back: {verified['refused']}"}

    def _lose(self, result: RowResult, worker: Worker, reason: str) -> str:
        """Replace a process that is gone, so that the next row can be measured."""
        worker.refused = reason
        result.failed |= worker.name == OURS
        worker.close()
        self.workers[worker.name] = self._worker(worker.name)
        return reason

    def _like(self, result: RowResult, name: str) -> list[Lane]:
        """Add one more lane for ourselves, at the row compared with."""
        worker, request = self.workers[OURS], self._request(self.rows[name])
        reason = self._prepare(result, worker, request)
        if not reason:
            return [Lane(worker, request, result.like)]
        result.reasons[OURS], result.failed = f"at {name}: {reason}", True
        return []

    def _once(self, result: RowResult, lane: Lane) -> None:
        if not lane.alive or lane.worker.refused:
            return
        try:
            ran = lane.worker.ask("run", row=lane.request)
        except WorkerGoneError as gone:
            ran = {"refused": self._lose(result, lane.worker, str(gone))}
        if "refused" in ran:
            lane.samples.clear()
            lane.alive = False
            result.reasons[lane.worker.name] = ran["refused"]
            result.failed |= lane.worker.name == OURS
        else:
            lane.samples.append(ran["seconds"])

    def _memory(self, result: RowResult) -> None:
        """Peak memory of one read, in a fresh process for each contender."""
        for name in result.samples:
            worker = self._worker(name)
            try:
                told = worker.ask("memory", row=self._request(result.row), setting=result.settings[name])
                if "bytes" in told:
                    result.memory[name] = told["bytes"]
            except WorkerGoneError as gone:
                result.reasons[name] = f"memory not measured: {gone}"
            finally:
                worker.close()
