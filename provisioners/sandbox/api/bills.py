"""AWS Budgets: tags and changes, which moto lacks, and an SNS topic that must take the message."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from moto.budgets.models import BudgetsBackend
from moto.budgets.responses import BudgetsResponse
from moto.sns.models import sns_backends

from provisioners.sandbox.api.extend import Call, Refused, around, before
from provisioners.sandbox.api.world import ACCOUNT, World


@before("budgets", "CreateBudget")
def _takes_the_message(_: World, call: Call) -> None:
    for notification in call.get("NotificationsWithSubscribers", []):
        for one in notification["Subscribers"]:
            if one["SubscriptionType"] == "SNS" and not _open(str(one["Address"])):
                raise Refused("InvalidParameterException", f"Topic {one['Address']} lets no budget publish.")


def _open(arn: str) -> bool:
    topic = sns_backends[ACCOUNT][arn.split(":")[3]].topics.get(arn)
    return topic is not None and "budgets.amazonaws.com" in str(topic.policy)


@around(BudgetsResponse, "create_budget")
def _create(_: World, original: Callable[..., Any], response: Any) -> Any:
    answer = original()
    name = response._get_param("Budget")["BudgetName"]
    _tags(response.backend)[name] = response._get_param("ResourceTags", [])
    return answer


@around(BudgetsResponse, "update_budget")
def _update(_: World, original: None, response: Any) -> str:
    wish = response._get_param("NewBudget")
    response.backend.describe_budget(response._get_param("AccountId"), wish["BudgetName"])
    kept = response.backend.budgets[response._get_param("AccountId")][wish["BudgetName"]]
    kept.budget = {**kept.budget, **wish}
    return "{}"


@around(BudgetsResponse, "list_tags_for_resource")
def _list_tags(_: World, original: None, response: Any) -> str:
    name = str(response._get_param("ResourceARN")).partition(":budget/")[2]
    return json.dumps({"ResourceTags": _tags(response.backend).get(name, [])})


def _tags(backend: BudgetsBackend) -> dict[str, list[dict[str, str]]]:
    if not hasattr(backend, "drucloud_tags"):
        backend.drucloud_tags = {}  # type: ignore[attr-defined]  # an attribute of ours on moto's object
    held: dict[str, list[dict[str, str]]] = backend.drucloud_tags  # type: ignore[attr-defined]
    return held
