"""Asks this machine's own web server, as visitors would. Streamed over SSH to ``python3``; standard library only.

The argument is a JSON object: ``address``, ``port``, ``host`` (the Host header) and ``requests``, each with ``path``,
``headers`` and ``body`` (whether the answer's body is wanted). Prints a JSON list
with one answer a request, made one after the other, and
no more after one that did not come. Changes nothing on the machine.
"""

from __future__ import annotations

import base64
import http.client
import json
import sys
import time
from typing import Any

BODY_LIMIT = 400_000
"""Bytes of a body that are handed on at most."""


def answer(address: str, port: int, host: str, asked: dict[str, Any]) -> dict[str, Any]:
    """What came back, or one sentence on why nothing did."""
    connection = http.client.HTTPConnection(address, port, timeout=15)
    began = time.monotonic()
    try:
        connection.request("GET", asked["path"], headers={"Host": host, **asked["headers"]})
        response = connection.getresponse()
        first_byte = time.monotonic() - began
        body = response.read(BODY_LIMIT) if asked["body"] else b""
    except (OSError, http.client.HTTPException) as error:
        return {"error": f"no answer ({type(error).__name__}: {error})", "seconds": time.monotonic() - began}
    finally:
        connection.close()
    headers: dict[str, str] = {}
    for name, value in response.getheaders():
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    text = base64.b64encode(body).decode()
    return {"status": response.status, "headers": headers, "seconds": first_byte, "body": text}


def main(order: dict[str, Any]) -> None:
    """Print all answers."""
    answers: list[dict[str, Any]] = []
    for one in order["requests"]:
        lost = bool(answers) and "error" in answers[-1]
        answers.append(answers[-1] if lost else answer(order["address"], order["port"], order["host"], one))
    print(json.dumps(answers))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
