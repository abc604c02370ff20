"""One round of probes: all at once, each with its own time limit; a hung one delays no other.

A probe is a blocking call that gives findings. It runs in a daemon thread, so that a probe that never returns holds up
neither the round nor the end of the program; until it has returned it is not started again.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from health.report import Finding
from profiles.errors import DrucloudError

log = logging.getLogger(__name__)

LIMIT_SECONDS = 20.0
"""How long a probe may take before it is reported as hung."""


AGAIN_SECONDS = 25.0
"""How soon a slow probe that found something is repeated, so that what was mended is seen to be."""


@dataclass(frozen=True)
class Probe:
    """One thing to look at.

    :param name: name of the finding that is made when it hangs or breaks; the other findings have their own names.
    :param look: gives findings; what it raises becomes a finding too.
    :param every: seconds for which its findings stay good while all is well; 0 looks again in each round.
    """

    name: str
    subject: str
    look: Callable[[], Sequence[Finding]]
    every: float = 0.0
    limit: float = LIMIT_SECONDS


@dataclass
class _Memory:
    """What is known of a probe between rounds."""

    at: float = float("-inf")
    findings: Sequence[Finding] = ()
    hanging: threading.Thread | None = None


@dataclass
class Rounds:
    """Runs rounds of the same probes; keeps those findings that stay good longer than a round."""

    _known: dict[str, _Memory] = field(default_factory=dict)

    def run(self, probes: Sequence[Probe], found: Callable[[Finding], None]) -> list[Finding]:
        """Everything that was found, in the order of ``probes``; ``found`` is told each as it comes, in this thread."""
        now = time.monotonic()
        results: dict[int, Sequence[Finding]] = {}
        answers: queue.SimpleQueue[tuple[int, Sequence[Finding]]] = queue.SimpleQueue()
        deadlines: dict[int, float] = {}
        for index, probe in enumerate(probes):
            memory = self._known.setdefault(f"{probe.name}|{probe.subject}", _Memory())
            if now - memory.at < good_for(probe, memory.findings):
                results[index] = memory.findings
            elif memory.hanging is not None and memory.hanging.is_alive():
                results[index] = [_hung(probe)]
            else:
                memory.hanging = _start(index, probe, answers)
                deadlines[index] = now + probe.limit
        for known in results.values():
            _tell(known, found)
        while deadlines:
            self._next(probes, answers, deadlines, results, found)
        return [finding for index in range(len(probes)) for finding in results[index]]

    def _next(
        self,
        probes: Sequence[Probe],
        answers: queue.SimpleQueue[tuple[int, Sequence[Finding]]],
        deadlines: dict[int, float],
        results: dict[int, Sequence[Finding]],
        found: Callable[[Finding], None],
    ) -> None:
        """Take one answer, or give up on those whose time is over."""
        try:
            index, findings = answers.get(timeout=max(0.0, min(deadlines.values()) - time.monotonic()))
        except queue.Empty:
            for index in [index for index, at in deadlines.items() if at <= time.monotonic()]:
                del deadlines[index]
                results[index] = [_hung(probes[index])]
                _tell(results[index], found)
            return
        if deadlines.pop(index, None) is None:
            return  # too late: it was reported as hung
        memory = self._known[f"{probes[index].name}|{probes[index].subject}"]
        memory.at, memory.findings, memory.hanging = time.monotonic(), findings, None
        results[index] = findings
        _tell(findings, found)


def good_for(probe: Probe, findings: Sequence[Finding]) -> float:
    """Seconds for which findings need not be made anew: what is not well is looked at again sooner."""
    well = all(item.status == "ok" for item in findings)
    return probe.every if well else min(probe.every, AGAIN_SECONDS)


def _start(index: int, probe: Probe, answers: queue.SimpleQueue[tuple[int, Sequence[Finding]]]) -> threading.Thread:
    def work() -> None:
        try:
            findings: Sequence[Finding] = list(probe.look())
        except DrucloudError as error:
            findings = [Finding(probe.name, probe.subject, "fail", "error", "", error.what, error.do, time.time())]
        except Exception as error:
            log.exception("probe %s", probe.name)
            why = f"The probe itself broke ({type(error).__name__})."
            findings = [Finding(probe.name, probe.subject, "unknown", "error", why=why, at=time.time())]
        answers.put((index, findings))

    thread = threading.Thread(target=work, name=f"probe-{probe.name}", daemon=True)
    thread.start()
    return thread


def _hung(probe: Probe) -> Finding:
    why = f"The probe had no answer within {probe.limit:.0f} s."
    remedy = "See whether the machine or service behind it answers at all."
    return Finding(probe.name, probe.subject, "fail", "no answer", "", why, remedy, time.time())


def _tell(findings: Sequence[Finding], found: Callable[[Finding], None]) -> None:
    for finding in findings:
        found(finding)
