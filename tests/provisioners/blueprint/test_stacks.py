"""The blueprint cut into stacks: complete, in order, short enough, and with every reference led through."""

import json

import pytest

from profiles import store
from provisioners.blueprint.build import build
from provisioners.blueprint.graph import Blueprint
from provisioners.blueprint.stacks import STACK, TEMPLATE_LIMIT, hand_over, inside
from tests.provisioners.blueprint.lookups import AWS
from tests.provisioners.blueprint.test_lint import findings

KNOWN = ("I3037", "W3010")
"""The blueprint's own exceptions, which the whole template carries in its metadata."""


LINTED = ("starter", "standard", "lvs")
"""Presets all of whose lookups are in these tests; test_lint.py judges whole templates."""


def stacks_of(blueprint):
    return {name: one for name, one in blueprint.resources.items() if one.type == STACK}


def body(stack):
    return json.loads(stack.properties["TemplateBody"])


@pytest.mark.parametrize("limit", [TEMPLATE_LIMIT, 18_000])
@pytest.mark.parametrize("name", store.presets())
def test_every_resource_is_in_one_stack_and_every_reference_arrives(name, limit):
    whole = build(store.load(store.resolve(name)), AWS)
    cut = hand_over(whole, "drucloud-trial", limit)
    stacks = stacks_of(cut)
    placed = [part for one in stacks.values() for part in inside(one.properties)]
    assert sorted(placed) == sorted(key for key, one in whole.resources.items() if not one.is_step)
    assert [key for key, one in cut.resources.items() if one.is_step] == [
        key for key, one in whole.resources.items() if one.is_step
    ]
    assert len(stacks) > 1 or limit == TEMPLATE_LIMIT
    for stack in stacks.values():
        assert len(stack.properties["TemplateBody"].encode()) <= limit
        if name in LINTED and limit == TEMPLATE_LIMIT:
            assert [one for one in findings(body(stack), "us-east-1") if not one.startswith(KNOWN)] == []
        assert set(body(stack).get("Parameters", {})) == set(stack.properties["Parameters"])
    given = {f"Outputs.{key}" for one in stacks.values() for key in body(one).get("Outputs", {})}
    asked = {text for text in json.dumps(cut.template).replace('\\"', "").split('"') if text.startswith("Outputs.")}
    assert asked <= given


def test_a_resource_that_needs_a_step_comes_in_a_later_stack():
    notes = {"Metadata": {"Drucloud": {"Tier": "web", "Label": "x"}}}
    template = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "x",
        "Resources": {
            "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}, **notes},
            "Bake": {"Type": "Drucloud::Image", "Properties": {"Vpc": {"Ref": "Vpc"}}, **notes},
            "Server": {
                "Type": "AWS::EC2::Instance",
                "Properties": {
                    "ImageId": {"Fn::GetAtt": ["Bake", "ImageId"]},
                    "UserData": {"Fn::Sub": "in ${Vpc} of ${Vpc.CidrBlock}"},
                },
                "DependsOn": ["Bake", "Vpc"],
                **notes,
            },
        },
    }
    cut = hand_over(Blueprint(template), "drucloud-trial")
    assert {name: one.requires for name, one in cut.resources.items()} == {
        "Stack1": frozenset(), "Stack2": frozenset({"Bake", "Stack1"}), "Bake": frozenset({"Stack1"})
    }  # fmt: skip
    second = cut.resources["Stack2"].properties
    assert second["Parameters"] == {
        "BakeImageId": {"Fn::GetAtt": ["Bake", "ImageId"]},
        "VpcCidrBlock": {"Fn::GetAtt": ["Stack1", "Outputs.VpcCidrBlock"]},
        "VpcRef": {"Fn::GetAtt": ["Stack1", "Outputs.VpcRef"]},
    }
    server = inside(second)["Server"]
    assert server["Properties"]["ImageId"] == {"Ref": "BakeImageId"} and "DependsOn" not in server
    assert server["Properties"]["UserData"]["Fn::Sub"][0] == "in ${VpcRef} of ${VpcCidrBlock}"
