"""AWS Budgets: a limit on a month's bill, and who is told before it is passed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from provisioners.aws.errors import classify
from provisioners.aws.permissions import on
from provisioners.aws.requests import arguments
from provisioners.aws.resource import ABSENT, NamedKind
from provisioners.aws.session import Aws
from provisioners.aws.tagging import as_dict, as_list
from provisioners.engine.kinds import Observed, Wanted

_SERVICE = "budgets"

_BUDGETS = ("arn:{partition}:budgets::{account}:budget/drucloud-{name}-*",)


class Budget(NamedKind):
    """``AWS::Budgets::Budget``; identity is ``account|name``, for a budget belongs to the account and to no region.

    The name stands inside the property ``Budget``; who is told cannot change in place (as in CloudFormation).
    """

    type = "AWS::Budgets::Budget"
    mutable = frozenset({"Budget"})
    name_property, name_limit = "Budget", 100
    needs = (
        *on(_BUDGETS, "deploy", "budgets:ModifyBudget"),
        *on(_BUDGETS, "deploy", "budgets:TagResource", beside="budgets:ModifyBudget"),
        *on(_BUDGETS, "read", "budgets:ViewBudget"),
        *on(_BUDGETS, "find", "budgets:ListTagsForResource"),
        *on(_BUDGETS, "change", "budgets:ModifyBudget"),
        *on(_BUDGETS, "destroy", "budgets:ModifyBudget"),
    )

    def name(self, wanted: Wanted) -> str:
        """The one the blueprint gave it."""
        return str(wanted.properties["Budget"]["BudgetName"])

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Create it, with the tags."""
        client = aws.client(_SERVICE, creating=True)
        account = wanted.deployment.account
        values = arguments(client, "CreateBudget", wanted.properties, without=frozenset({"ResourceTags"}))
        client.create_budget(AccountId=account, **values, ResourceTags=as_list(wanted))
        return f"{account}|{self.name(wanted)}"

    def find(self, aws: Aws, wanted: Wanted) -> str | None:
        """By name, if it is ours."""
        identity = f"{wanted.deployment.account}|{self.name(wanted)}"
        if not _there(aws, identity):
            return None
        self.require_ours(aws, wanted, identity)
        return identity

    def tags(self, aws: Aws, identity: str) -> Mapping[str, str]:
        """The tags of its ARN, which every budget has by the same pattern."""
        account, name = identity.split("|", 1)
        partition = aws.session.get_partition_for_region(aws.region)
        arn = f"arn:{partition}:budgets::{account}:budget/{name}"
        return as_dict(aws.client(_SERVICE).list_tags_for_resource(ResourceARN=arn)["ResourceTags"])

    def observe(self, aws: Aws, identities: Sequence[str]) -> Mapping[str, Observed]:
        """One call each; it has no states."""
        return {
            one: Observed("ready", {"Ref": one.split("|", 1)[1]}) if _there(aws, one) else ABSENT for one in identities
        }

    def change(self, aws: Aws, identity: str, wanted: Wanted, changed: frozenset[str]) -> None:
        """The whole budget."""
        client = aws.client(_SERVICE)
        values = arguments(client, "UpdateBudget", {"NewBudget": wanted.properties["Budget"]})
        client.update_budget(AccountId=identity.split("|", 1)[0], **values)

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Delete it with its notifications."""
        account, name = identity.split("|", 1)
        aws.client(_SERVICE).delete_budget(AccountId=account, BudgetName=name)


def _there(aws: Aws, identity: str) -> bool:
    account, name = identity.split("|", 1)
    try:
        aws.client(_SERVICE).describe_budget(AccountId=account, BudgetName=name)
    except ClientError as error:
        if classify(error) == "gone":
            return False
        raise
    return True
