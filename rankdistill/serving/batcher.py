"""Batcher: the jobs of all clients, scored together by one thread, round by round."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from rankdistill.errors import RankDistillError
from rankdistill.serving.jobs import Job, Slice, score_together

if TYPE_CHECKING:
    from rankdistill.models.ready import Scorer

SMOOTHING = 0.2
"""Weight of a round in the running mean of pairs per second."""
Report = Callable[[int, int, float], None]
"""Called after each round with its pairs, its padded tokens and its seconds."""


class Closed(RankDistillError):
    """The server is being stopped."""


class Batcher:
    """Scores jobs in rounds of about ``round_tokens`` tokens, which all waiting jobs share in the order they came.

    A job that is longer than a round is continued behind the others, so that no client waits for another's long list.
    Jobs that were abandoned are dropped. Use it as a context manager: leaving it finishes what is waiting.
    """

    def __init__(
        self,
        model: Scorer,
        batch_tokens: int,
        round_tokens: int,
        report: Report = lambda *_: None,
        n_threads: int | None = None,
    ) -> None:
        self.model, self.batch_tokens, self.round_tokens, self._report = model, batch_tokens, round_tokens, report
        self.n_threads = n_threads
        self.pairs_per_second = 0.0
        self._jobs: deque[Job] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._waiting = 0
        self._thread = threading.Thread(target=self._work, name="scoring", daemon=True)

    def __enter__(self) -> Batcher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()

    @property
    def waiting(self) -> int:
        """Pairs that wait to be scored, or are being scored."""
        return self._waiting

    def seconds_to_wait(self) -> float:
        """Estimate until what is waiting has been scored; 1 second while no speed is known."""
        return self.waiting / self.pairs_per_second if self.pairs_per_second else 1.0

    def submit(self, job: Job) -> None:
        """Queue a job; its ``done`` gets the logits. Raises `Closed` once the batcher is being left."""
        with self._changed:
            if self._closing:
                raise Closed("the server is being stopped")
            self._jobs.append(job)
            self._waiting += len(job)
            self._changed.notify_all()

    def _work(self) -> None:
        while slices := self._next_round():
            started = time.perf_counter()
            try:
                n_padded = score_together(self.model, slices, self.batch_tokens, self.n_threads)
            except BaseException as error:  # a library's error is the answer to these requests, not the server's end
                self._fail([each.job for each in slices], error)
                continue
            seconds = time.perf_counter() - started
            n_pairs = sum(each.end - each.start for each in slices)
            speed = n_pairs / max(seconds, 1e-9)
            known = self.pairs_per_second
            self.pairs_per_second = speed if not known else (1 - SMOOTHING) * known + SMOOTHING * speed
            self._report(n_pairs, n_padded, seconds)
            with self._changed:
                self._waiting -= n_pairs
                for each in slices:
                    each.job.n_scored = each.end
            for each in slices:
                # a future that its waiter has cancelled takes no result, and setting one would end this thread
                if each.end == len(each.job) and each.job.done.set_running_or_notify_cancel():
                    each.job.done.set_result(each.job.logits)

    def _next_round(self) -> list[Slice]:
        """Wait for jobs and take from each in turn, up to `round_tokens`; nothing once closing and done."""
        with self._changed:
            while True:
                slices: list[Slice] = []
                room = self.round_tokens
                for _ in range(len(self._jobs)):
                    if slices and room <= 0:
                        break
                    job = self._jobs.popleft()
                    if job.abandoned:
                        self._waiting -= len(job) - job.n_scored
                        job.done.cancel()
                        continue
                    start = job.n_taken
                    tokens = job.lengths[start:].cumsum()
                    end = start + max(1, int(tokens.searchsorted(room, side="right")))
                    slices.append(Slice(job, start, end))
                    room -= int(tokens[end - start - 1])
                    job.n_taken = end
                    if end < len(job):
                        self._jobs.append(job)
                if slices or self._closing:
                    return slices
                self._changed.wait()

    def _fail(self, jobs: list[Job], error: BaseException) -> None:
        with self._changed:
            for job in jobs:
                if job in self._jobs:
                    self._jobs.remove(job)
                self._waiting -= len(job) - job.n_scored
        for job in jobs:
            if job.done.set_running_or_notify_cancel():
                job.done.set_exception(error)
