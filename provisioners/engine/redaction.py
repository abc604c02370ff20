"""The last net below the logs: what looks like a credential is not written down.

Nothing of ours logs a secret; libraries and tracebacks might. AWS key ids, PEM private keys, session tokens and
whatever follows a telling name go.
"""

from __future__ import annotations

import logging
import re

_PATTERNS = (
    re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b"),
    re.compile(r"(?i)authorization[\"']?\s*[:=].*"),
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S),
    re.compile(
        r"(?i)(?<=[\"'\s,{&?(])"
        r"[\w-]*(?:password|passwd|secret(?:string|_?access_?key)?|session_?token|security-token)[\"']?"
        r"\s*[:=]\s*(?:\"[^\"]*\"|'[^']*'|[^\s,&}]+)"
    ),
    re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"),  # user:password in a URL
    re.compile(r"(?<![\w/+=.-])(?=[A-Za-z/+]*\d)(?=[a-z0-9/+]*[A-Z])[A-Za-z0-9/+]{40}(?![\w/+=.-])"),  # AWS secret key
)


def redact(text: str) -> str:
    """``text`` with ``***`` in place of what looks like a credential."""
    for pattern in _PATTERNS:
        text = pattern.sub("***", text)
    return text


class RedactingFormatter(logging.Formatter):
    """Formats as usual, traceback included, and redacts the whole."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one redacted text."""
        return redact(" " + super().format(record))[1:]
