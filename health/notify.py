"""Tells an SNS topic that a deployment's status has changed: once a change, not once a failing check."""

from __future__ import annotations

import json
from collections.abc import Sequence

from botocore.exceptions import BotoCoreError, ClientError

from health.diagnosis import Diagnosis
from health.report import Finding, Status, overall
from health.services import unreachable
from profiles.errors import FailedError, UsageError
from provisioners.target import Target

SUBJECT_MOST = 100
"""SNS refuses longer subjects, and any that are not ASCII."""

Causes = tuple[Status, tuple[str, ...]]
"""What is told of a round: its status, and the keys of its causes."""


class Notifier:
    """Publishes to one topic when the status, or what causes it, is another than in the round before.

    What was told last is kept by the caller (the deployment's history), so that a program started anew every minute by
    cron tells nothing twice.
    """

    def __init__(self, target: Target, topic: str, last: str) -> None:
        """:param last: what :meth:`tell` gave the last time, empty when nothing was told yet."""
        region, account = _parts(topic)
        if target.account != account:
            raise UsageError(
                f"The topic is in account {account}, not in {target.account}.", "Give one of this account."
            )
        self._client = target.aws.client("sns", region=region)
        self._topic = topic
        self._last = last

    def tell(self, name: str, findings: Sequence[Finding], diagnoses: Sequence[Diagnosis]) -> str:
        """Publish if something has changed; what to keep for the next time. Raises ``ReachError``, ``FailedError``.

        A deployment that is well when it is first looked at is no news.
        """
        status = overall([item for item in findings if item.status != "unknown"])
        causes = sorted({one.cause.key for one in diagnoses})
        now = json.dumps([status, causes])
        if now == self._last or (not self._last and status == "ok"):
            self._last = now
            return now
        before = str(json.loads(self._last)[0]) if self._last else ""
        self._publish(
            f"drucloud: {name} is {status}{f', was {before}' if before else ''}", text(name, status, diagnoses)
        )
        self._last = now
        return now

    def _publish(self, subject: str, message: str) -> None:
        try:
            self._client.publish(TopicArn=self._topic, Subject=subject[:SUBJECT_MOST], Message=message)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in ("NotFound", "InvalidParameter", "AuthorizationError"):
                raise FailedError(
                    f"The topic {self._topic} takes no message ({code}).", "Check its ARN and its access policy."
                ) from error
            raise unreachable(error) from error
        except BotoCoreError as error:
            raise unreachable(error) from error


def text(name: str, status: Status, diagnoses: Sequence[Diagnosis]) -> str:
    """The message: each cause in words."""
    lines = [f"{name} is {status}."]
    for one in diagnoses:
        lines.append(f"\n{one.cause.status}: {one.cause.name} on {one.cause.subject}: {one.cause.why}")
        if one.cause.remedy:
            lines.append(f"What to do: {one.cause.remedy}")
        if one.explains:
            lines.append(f"This also explains {', '.join(sorted({item.name for item in one.explains}))}.")
    return "\n".join(lines)


def _parts(topic: str) -> tuple[str, str]:
    """Region and account of a topic's ARN; raises ``UsageError``."""
    parts = topic.split(":")
    if len(parts) != 6 or parts[0] != "arn" or parts[2] != "sns" or not all(parts[3:]):
        raise UsageError(f"'{topic}' is not the ARN of an SNS topic.", "It reads arn:aws:sns:REGION:ACCOUNT:NAME.")
    return parts[3], parts[4]
