"""What AWS may answer and the sandbox never does, put in at the last moment before botocore sends a call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.awsrequest import AWSResponse

from provisioners.aws.session import Aws


@contextmanager
def answered(aws: Aws, service: str, operation: str, body: Mapping[str, Any], status: int = 200) -> Iterator[list[str]]:
    """Every ``operation`` of ``service`` is answered with ``body``; the calls that were made."""
    made: list[str] = []

    def answer(**_: Any) -> tuple[AWSResponse, dict[str, Any]]:
        made.append(operation)
        parsed = {**body, "ResponseMetadata": {"HTTPStatusCode": status}}
        return AWSResponse("", status, {}, None), parsed

    clients = [aws.client(service, creating=creating) for creating in (False, True)]
    for client in clients:
        client.meta.events.register(f"before-call.*.{operation}", answer, unique_id=operation)
    try:
        yield made
    finally:
        for client in clients:
            client.meta.events.unregister(f"before-call.*.{operation}", unique_id=operation)


def refusal(code: str, message: str) -> dict[str, Any]:
    return {"Error": {"Code": code, "Message": message}}
