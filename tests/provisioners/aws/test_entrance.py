"""The entrance is open inside the block, closed after it, and no killed process leaves it open for ever."""

from __future__ import annotations

import subprocess

import pytest

from profiles.errors import ReachError
from provisioners.aws import entrance
from provisioners.aws.ec2_security import rules_of
from provisioners.engine.state import DeployState, StepState
from provisioners.nodes.reach import close_entrances
from provisioners.target import DirectDialer, Target

from .stack import Stack


def open_rules(stack: Stack, group: str) -> list[str]:
    return [row["CidrIpv4"] for row in rules_of(stack.aws, group) if not row["IsEgress"]]


def test_open_inside_and_closed_after_the_last_user(stack: Stack, target: Target) -> None:
    group = stack.network()["Group"]
    with entrance.open_entrance(target, group):
        with entrance.open_entrance(target, group):
            assert open_rules(stack, group) == ["127.0.0.1/32"]
        assert open_rules(stack, group) == ["127.0.0.1/32"]
        assert entrance.close_leftovers(target, group) == 0, "what is in use is not left over"
    assert open_rules(stack, group) == []


def test_closed_when_the_command_fails(stack: Stack, target: Target) -> None:
    group = stack.network()["Group"]
    with pytest.raises(RuntimeError), entrance.open_entrance(target, group):
        raise RuntimeError
    assert open_rules(stack, group) == []


def leave(stack: Stack, group: str, owner: str) -> None:
    stack.aws.client("ec2").authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "127.0.0.1/32"}]}],
        TagSpecifications=[
            {"ResourceType": "security-group-rule", "Tags": [{"Key": entrance.TAG, "Value": owner}]},
        ],
    )


def dead_process() -> str:
    child = subprocess.Popen(["true"])
    child.wait()
    return f"{entrance._process().rpartition(':')[0]}:{child.pid}"


def test_what_a_killed_process_left_is_taken_over(stack: Stack, target: Target) -> None:
    group = stack.network()["Group"]
    leave(stack, group, dead_process())
    with entrance.open_entrance(target, group):
        assert open_rules(stack, group) == ["127.0.0.1/32"]
    assert open_rules(stack, group) == []


def test_what_a_living_process_opened_is_its_own_to_close(stack: Stack, target: Target) -> None:
    group = stack.network()["Group"]
    leave(stack, group, "elsewhere:1")
    with entrance.open_entrance(target, group):
        pass
    assert open_rules(stack, group) == ["127.0.0.1/32"]
    assert entrance.close_leftovers(target, group) == 1
    assert open_rules(stack, group) == []


@pytest.mark.parametrize("said", ["10.0.0.1", "0.0.0.0", "nonsense", "2001:db8::1"])
def test_only_a_public_address_is_let_in(target: Target, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    real = Target("aws", target.account, target.region, target.aws, DirectDialer(), "aws")
    monkeypatch.setenv(entrance.ADDRESS_VARIABLE, said)
    with pytest.raises(ReachError, match="public IPv4 address"):
        entrance.operator_address(real)
    monkeypatch.setenv(entrance.ADDRESS_VARIABLE, " 8.8.4.4\n")
    assert entrance.operator_address(real) == "8.8.4.4"


def test_a_run_begins_by_closing_what_a_killed_engine_left_open(stack: Stack, target: Target) -> None:
    group = stack.network()["Group"]
    state = DeployState(
        steps={
            "AdminGroup": StepState("AdminGroup", "AWS::EC2::SecurityGroup", "access", "", identity=group),
            "Vpc": StepState("Vpc", "AWS::EC2::VPC", "network", "", pending_operation="create"),
            "WebNode": StepState("WebNode", "Drucloud::Node", "web", "", properties={"EntranceGroup": group}),
            "OldNode": StepState("OldNode", "Drucloud::Node", "web", "", properties={"EntranceGroup": "sg-gone"}),
        }
    )
    leave(stack, group, dead_process())
    assert close_entrances(target, state) == 1
    assert open_rules(stack, group) == []
    leave(stack, group, f"{entrance._process().rpartition(':')[0]}:1")
    assert close_entrances(target, state) == 0, "process 1 lives: a health dashboard may be at work"
