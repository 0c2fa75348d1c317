"""What an experiment gives: figures to read, and findings, each of which is a promise broken."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

WRITE_P99_MAX_MS = 100.0


class CannotRun(Exception):
    """The experiment needs something that this machine does not have or allow."""


class Outcome(msgspec.Struct):
    """The result of one experiment; without findings it passed."""

    figures: dict[str, float] = msgspec.field(default_factory=dict)
    findings: list[str] = msgspec.field(default_factory=list)

    def expect(self, holds: bool, finding: str) -> None:
        """Note `finding` where what was promised does not hold."""
        if not holds:
            self.findings.append(finding)

    def add_findings(self, when: str, found: Sequence[str]) -> None:
        """Add what was found at a moment; what stays wrong afterwards is named once only."""
        known = {finding.partition(": ")[2] for finding in self.findings}
        self.findings += [f"{when}: {finding}" for finding in found if finding not in known]

    def add_latencies(self, latencies_s: Sequence[float]) -> None:
        """Add p50, p99 and the highest of the write latencies, in milliseconds."""
        if not latencies_s:
            return
        ordered = sorted(latencies_s)
        self.figures["write p50 ms"] = round(ordered[len(ordered) // 2] * 1e3, 2)
        self.figures["write p99 ms"] = round(ordered[len(ordered) * 99 // 100] * 1e3, 2)
        self.figures["write max ms"] = round(ordered[-1] * 1e3, 2)
