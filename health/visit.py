"""One look at one URL of a site, as a visitor sees it: from here, or from one of its web servers."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from types import TracebackType
from typing import Protocol

import httpx

from health.dialed_http import DialedTransport
from profiles.errors import ReachError
from provisioners.foreign_text import clean_line
from provisioners.nodes.reach import Connections, Machine
from provisioners.target import Dialer

BODY_LIMIT = 2_000_000
"""Bytes of a body that are read at most."""

CONNECT_SECONDS = 4.0
"""A machine that is cut off does not refuse, it is silent."""

AGENT = "drucloud-health"

Request = tuple[str, Mapping[str, str]]
"""A path and the headers it is asked with."""


@dataclass(frozen=True)
class Visit:
    """What came back.

    :param seconds_to_first_byte: from sending the request, connection included, to the response's headers.
    :param error: why nothing came back; empty when something did.
    """

    path: str
    status: int = 0
    headers: Mapping[str, str] | None = None
    seconds_to_first_byte: float = 0.0
    body: bytes = b""
    error: str = ""

    def header(self, name: str) -> str:
        """A header's value, empty when absent."""
        return (self.headers or {}).get(name.lower(), "")


class Visits(Protocol):
    """Somebody who visits a site. ``subject``: what findings are about; ``host``: whom is asked for."""

    subject: str
    host: str

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Visit:
        """One GET without following redirects; never raises for what the site or network does."""
        ...

    def get_all(self, requests: Sequence[Request]) -> list[Visit]:
        """Several, one after the other; bodies may be left out, and after one that did not come no more is asked."""
        ...


class Visitor:
    """Visits one site from here: connects to ``address`` and asks for ``host``, whatever DNS says today."""

    def __init__(
        self, dialer: Dialer, address: str, host: str = "", timeout: float = 15.0, scheme: str = "http"
    ) -> None:
        """Nothing is connected yet.

        :param host: the site's domain; empty means the address itself.
        :param scheme: ``https`` proves the certificate against ``host``.
        :param timeout: seconds for each read; a site's cold first page may be slow.
        """
        self.address = address
        self.host = host or address
        self.subject = self.host
        self._tls = {"sni_hostname": self.host} if scheme == "https" else {}
        self._client = httpx.Client(
            transport=DialedTransport(dialer),
            base_url=f"{scheme}://{address}",
            timeout=httpx.Timeout(timeout, connect=min(timeout, CONNECT_SECONDS)),
            headers={"Host": self.host, "User-Agent": AGENT, "Accept-Encoding": "identity"},
        )

    def __enter__(self) -> Visitor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Visit:
        """See :class:`Visits`."""
        began = time.monotonic()
        try:
            with self._client.stream("GET", path, headers=dict(headers or {}), extensions=self._tls) as response:
                first_byte = time.monotonic() - began
                body = b""
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > BODY_LIMIT:
                        break
                return Visit(path, response.status_code, dict(response.headers), first_byte, body)
        except httpx.HTTPError as error:
            return Visit(path, seconds_to_first_byte=time.monotonic() - began, error=_sentence(error))

    def get_all(self, requests: Sequence[Request]) -> list[Visit]:
        """See :class:`Visits`."""
        visits: list[Visit] = []
        for path, headers in requests:
            lost = visits[-1].error if visits else ""
            visits.append(Visit(path, error=lost) if lost else self.get(path, headers))
        return visits


class NodeVisitor:
    """Visits one web server from itself, over the SSH connection that is open anyway.

    Its port 80 is open to the load balancer only and its sshd forwards nothing, so nobody else can ask it directly.
    """

    def __init__(
        self, connections: Connections, machine: Machine, subject: str, host: str, own: str = "127.0.0.1:80"
    ) -> None:
        """Nothing is asked yet.

        :param host: whom to ask for, as visitors do.
        :param own: address and port at which the machine asks itself.
        """
        self.subject = subject
        self.host = host
        self._connections = connections
        self._machine = machine
        self._address, _, self._port = own.rpartition(":")

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Visit:
        """See :class:`Visits`."""
        return self._ask([(path, headers or {})], body=True)[0]

    def get_all(self, requests: Sequence[Request]) -> list[Visit]:
        """See :class:`Visits`; without bodies."""
        return self._ask(requests, body=False)

    def _ask(self, requests: Sequence[Request], body: bool) -> list[Visit]:
        asked = [
            {"path": path, "headers": {"User-Agent": AGENT, **headers}, "body": body} for path, headers in requests
        ]
        order = json.dumps({"address": self._address, "port": int(self._port), "host": self.host, "requests": asked})
        program = resources.files("health.on_node").joinpath("ask.py").read_bytes()
        try:
            said = self._connections.run(self._machine, ["python3", "-I", "-", order], program)
        except ReachError as error:
            return [Visit(path, error=error.what) for path, _ in requests]
        try:
            return [_visit(path, row) for (path, _), row in zip(requests, json.loads(said.text), strict=True)]
        except (ValueError, KeyError, TypeError):
            return [Visit(path, error="the machine's answer cannot be read") for path, _ in requests]


def _visit(path: str, row: Mapping[str, object]) -> Visit:
    """One answer of ``health.on_node.ask``."""
    seconds = float(str(row["seconds"]))
    if "error" in row:
        return Visit(path, seconds_to_first_byte=seconds, error=clean_line(str(row["error"])))
    headers = row["headers"]
    if not isinstance(headers, dict):
        raise TypeError("headers")
    return Visit(path, int(str(row["status"])), headers, seconds, base64.b64decode(str(row["body"])))


def _sentence(error: httpx.HTTPError) -> str:
    match error:
        case httpx.ConnectTimeout() | httpx.ReadTimeout() | httpx.WriteTimeout():
            return "no answer in time"
        case httpx.ConnectError():
            return f"no connection ({clean_line(str(error))})"
    return f"the answer broke off ({type(error).__name__})"
