"""A limit on the month's bill, from the estimate: AWS writes before it is passed, and never stops anything.

The upper end of the estimate, a fifth for what it leaves out (traffic, tax), rounded up to ten dollars.
"""

from __future__ import annotations

from math import ceil
from typing import Any

from troposphere import budgets

from provisioners.blueprint.draft import Draft, Ref
from provisioners.engine.cost import estimate

_MARGIN = 1.2
_STEP_USD = 10


def add(draft: Draft) -> None:
    """Add the budget, if the profile wants it; after everything that costs."""
    wish = draft.profile.monitoring
    if wish.budget == "none":
        return
    limit = wish.budget_usd or _limit(draft)
    data = budgets.BudgetData(
        BudgetName=draft.name(draft.lookups.region),  # an account's budgets share one list
        BudgetType="COST",
        TimeUnit="MONTHLY",
        BudgetLimit=budgets.Spend(Amount=limit, Unit="USD"),
        **_what(draft),
    )
    told = [_told(draft, "ACTUAL", 80), _told(draft, "FORECASTED", 100)]
    budget = budgets.Budget("Budget", Budget=data, NotificationsWithSubscribers=told, DependsOn="AlarmTopicPolicy")
    draft.add("monitoring", f"Budget ${limit} a month", budget)


def _limit(draft: Draft) -> int:
    high = estimate(draft.finish(), draft.lookups.region).monthly_high_usd * _MARGIN
    return max(_STEP_USD, ceil(high / _STEP_USD) * _STEP_USD)


def _what(draft: Draft) -> dict[str, Any]:
    """Everything in the account, or what carries our tag (which has to be made a cost allocation tag first)."""
    if draft.profile.monitoring.budget == "account":
        return {}
    return {"CostFilters": {"TagKeyValue": [f"user:drucloud:deployment${draft.profile.name}"]}}


def _told(draft: Draft, kind: str, percent: int) -> budgets.NotificationWithSubscribers:
    return budgets.NotificationWithSubscribers(
        Notification=budgets.Notification(
            NotificationType=kind, ComparisonOperator="GREATER_THAN", Threshold=percent, ThresholdType="PERCENTAGE"
        ),
        Subscribers=[budgets.Subscriber(SubscriptionType="SNS", Address=Ref("AlarmTopic"))],
    )
