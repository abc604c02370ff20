"""CloudFormation's dynamic references to a secret, resolved inside the one call that needs the value.

``{{resolve:secretsmanager:ARN}}`` stays as it is in blueprint, plan, events and journal; CloudFormation resolves it the
same way. Source: CloudFormation User Guide, "Get a secret or secret value from Secrets Manager".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from provisioners.aws.session import Aws

_REFERENCE = re.compile(r"\{\{resolve:secretsmanager:([^{}]+?)(?::SecretString)?\}\}")


def revealed(aws: Aws, value: Any) -> Any:
    """``value`` with every reference in it replaced by the secret's text; for the arguments of a call only."""
    if isinstance(value, Mapping):
        return {name: revealed(aws, item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [revealed(aws, item) for item in value]
    if isinstance(value, str):
        return _REFERENCE.sub(lambda match: _secret(aws, match[1]), value)
    return value


def _secret(aws: Aws, secret: str) -> str:
    return str(aws.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"])
