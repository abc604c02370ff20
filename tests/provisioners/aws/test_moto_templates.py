"""Every preset's template, built by moto's own CloudFormation models: judges that share no code with our kinds."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.cloudformation.parsing import get_model_map
from moto.rds.models import DBParameterGroup

from profiles import store
from provisioners.blueprint.build import build
from provisioners.blueprint.graph import SUB_VARIABLE
from tests.provisioners.blueprint.lookups import AWS

DOCUMENTED = Path(__file__).parents[3] / "docs" / "cloudformation.md"


@pytest.fixture(autouse=True)
def _moto_names_its_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """moto gives the group itself for a ``Ref`` to it, and then takes it for a name."""
    monkeypatch.setattr(DBParameterGroup, "physical_resource_id", property(lambda self: self.name), raising=False)


def documented() -> set[str]:
    """The types that moto passes over, by the table."""
    lines = DOCUMENTED.read_text(encoding="utf-8").splitlines()
    return {line.split("`")[1] for line in lines if line.startswith("| `AWS::")}


def unsupported(template: dict[str, Any]) -> set[str]:
    return {one["Type"] for one in template["Resources"].values()} - set(get_model_map())


def answered(value: Any, passed_over: set[str]) -> Any:
    """``value`` with a word in user data for what moto cannot say: attributes of what it passes over, or with a dot."""

    def word(found: re.Match[str]) -> str:
        name, _, attribute = found[1].partition(".")
        return "x" if name in passed_over or "." in attribute else found[0]

    if isinstance(value, dict):
        if isinstance(text := value.get("Fn::Sub"), str):
            return {"Fn::Sub": SUB_VARIABLE.sub(word, text)}
        return {key: answered(item, passed_over) for key, item in value.items()}
    return [answered(item, passed_over) for item in value] if isinstance(value, list) else value


def answers(template: dict[str, Any]) -> list[dict[str, str]]:
    """Something for each parameter; for an image, one that moto has."""
    (image, *_) = boto3.client("ec2", region_name=AWS.region).describe_images(Owners=["amazon"])["Images"]
    return [
        {"ParameterKey": key, "ParameterValue": image["ImageId"] if "Image" in one["Type"] else "x"}
        for key, one in template.get("Parameters", {}).items()
    ]


def with_ports(value: Any) -> Any:
    """moto wants ports of every protocol; VRRP has none, and CloudFormation (cfn-lint's W3687) wants none of it."""
    if isinstance(value, list):
        return [with_ports(item) for item in value]
    if not isinstance(value, dict):
        return value
    ports = {"FromPort": -1, "ToPort": -1} if value.get("IpProtocol") == "112" else {}
    return {**{key: with_ports(item) for key, item in value.items()}, **ports}


@pytest.mark.parametrize("name", store.presets())
def test_moto_builds_what_it_has_models_of_and_the_rest_is_documented(name: str) -> None:
    template = build(store.load(store.resolve(name)), AWS).cloudformation()
    assert unsupported(template) <= documented()
    known = {key: one["Type"] for key, one in template["Resources"].items() if one["Type"] in get_model_map()}
    with mock_aws(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        client = boto3.client("cloudformation", region_name=AWS.region)
        passed_over = {key for key in template["Resources"] if key not in known}
        body = json.dumps(with_ports(answered(template, passed_over)))
        client.create_stack(StackName=name, TemplateBody=body, Parameters=answers(template))
        pages = client.get_paginator("list_stack_resources").paginate(StackName=name)
        rows = [row for page in pages for row in page["StackResourceSummaries"]]
    made = {row["LogicalResourceId"]: row["ResourceType"] for row in rows if row["LogicalResourceId"]}
    assert made == known


def test_the_table_names_no_type_that_moto_has() -> None:
    assert documented() & set(get_model_map()) == set()
