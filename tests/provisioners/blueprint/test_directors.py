"""LVS directors in the graph: what stands, what moves, what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from profiles import store
from profiles.errors import UsageError
from profiles.model import Profile
from profiles.store import apply
from provisioners.blueprint import directors
from provisioners.blueprint.build import build
from provisioners.blueprint.graph import Blueprint
from tests.provisioners.blueprint.lookups import AWS, SANDBOX

LVS: dict[str, Any] = {"balancer.kind": "lvs", "network.egress": "director", "web.servers": "2"}


def graph(found: Any = AWS, **more: Any) -> Blueprint:
    answers = {**LVS, **{key.replace("__", "."): value for key, value in more.items()}}
    return build(apply(Profile(), answers), found)


def refused(**more: Any) -> str:
    with pytest.raises(UsageError) as told:
        graph(**more)
    return f"{told.value.what} {told.value.do}"


def test_the_preset_has_a_pair_in_two_zones_and_no_load_balancer() -> None:
    made = build(store.load(store.resolve("lvs")), AWS)
    places = [
        made.resources[f"{who}Server"].properties["NetworkInterfaces"][0]["SubnetId"]["Ref"] for who in directors.PAIR
    ]
    assert places == ["PublicSubnetA", "PublicSubnetB"]
    assert not [one for one in made.resources.values() if "LoadBalancing" in one.type]


@pytest.mark.parametrize("who", directors.PAIR)
def test_a_director_passes_on_the_packets_of_others_and_has_room_for_the_sites_address(who: str) -> None:
    server = graph().resources[f"{who}Server"]
    assert server.properties["SourceDestCheck"] is False
    assert server.properties["NetworkInterfaces"][0]["SecondaryPrivateIpAddressCount"] == 1
    assert server.properties["DisableApiTermination"] is True
    assert "SiteAddress" in server.requires, "the address is released after the machines that may have it"
    assert graph(SANDBOX).resources[f"{who}Server"].properties["DisableApiTermination"] is False


def test_what_moves_is_nobodys_resource() -> None:
    made = graph().resources
    routes = [one for one in made.values() if one.type == "AWS::EC2::Route"]
    associations = [one for one in made.values() if one.type == "AWS::EC2::EIPAssociation"]
    assert [route.properties["RouteTableId"]["Ref"] for route in routes] == ["PublicRoutes"]
    assert not [one for one in associations if "SiteAddress" in one.requires]


def test_visitors_arrive_at_the_sites_address_and_web_servers_have_none() -> None:
    made = graph().resources
    assert made["Check"].properties["Address"] == {"Ref": "SiteAddress"}
    assert {"DirectorNode", "Director2Node"} <= made["Check"].requires
    assert "WebAddress" not in made
    assert made["WebServer"].properties["SubnetId"] == {"Ref": "AppSubnetA"}
    assert {"DirectorNode", "Director2Node"} <= made["WebNode"].requires, "they are its way out"


def test_each_director_knows_the_other_and_every_web_server() -> None:
    made = graph(web__servers="3").resources
    one, two = (made[f"{who}Node"].properties["Settings"] for who in directors.PAIR)
    assert one["DirectorPeer"] == {"Fn::GetAtt": ["Director2Server", "PrivateIp"]}
    assert two["DirectorPeer"] == {"Fn::GetAtt": ["DirectorServer", "PrivateIp"]}
    assert one["RealServers"] == two["RealServers"]
    assert len(one["RealServers"]) == 3


def test_the_role_may_move_the_sites_address_and_the_web_servers_route_and_nothing_else() -> None:
    statements = graph().resources["DirectorPermissions"].properties["PolicyDocument"]["Statement"]
    changing = [one for one in statements if not one["Action"][0].startswith("ec2:Describe")]
    assert {action for one in changing for action in one["Action"]} == {
        "ec2:AssociateAddress", "ec2:CreateRoute", "ec2:ReplaceRoute",
    }  # fmt: skip
    for one in changing:
        known_by = "ArnEquals" if "network-interface" in json.dumps(one) else "StringEquals"
        assert set(one["Condition"]) == {known_by}
        assert "*" not in one["Resource"]
    text = json.dumps(changing)
    assert "elastic-ip/${SiteAddress.AllocationId}" in text and "route-table/${AppRoutes}" in text


def rules(made: Blueprint, group: str) -> set[tuple[str, int | None, str]]:
    found = made.resources[group].properties["SecurityGroupIngress"]
    return {
        (rule["IpProtocol"], rule.get("FromPort"), rule.get("CidrIp") or rule["SourceSecurityGroupId"]["Fn::GetAtt"][0])
        for rule in found
    }


def test_the_world_reaches_directors_and_by_them_web_servers_which_see_who_asks() -> None:
    made = graph()
    world = {("tcp", port, "0.0.0.0/0") for port in (80, 443)}
    assert world <= rules(made, "DirectorSecurityGroup")
    assert world <= rules(made, "WebSecurityGroup")
    pair = made.resources["DirectorPairIn"].properties
    assert (pair["IpProtocol"], pair["SourceSecurityGroupId"]) == (
        "112", {"Fn::GetAtt": ["DirectorSecurityGroup", "GroupId"]},
    )  # fmt: skip
    assert "FromPort" not in pair


@pytest.mark.parametrize("method", ["dr", "tun"])
def test_direct_answers_never_leave_aws(method: str) -> None:
    assert "director.method=nat" in refused(director__method=method)


@pytest.mark.parametrize("egress", ["public", "nat", "nat_per_zone", "admin"])
def test_answers_go_back_through_the_director(egress: str) -> None:
    assert "network.egress=director" in refused(network__egress=egress)


def test_without_directors_they_are_no_way_out() -> None:
    assert "balancer.kind=lvs" in refused(balancer__kind="alb")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"edge__cdn": "cloudfront"}, "load balancer of AWS"),
        ({"web__scaling": "auto"}, "balancer.kind=alb"),
        ({"protection__firewall": "block"}, "balancer.kind=alb"),
        ({"site__domain": "a.example.com", "web__servers": "6"}, "certificates"),
    ],
)
def test_what_lvs_cannot_do(more: dict[str, Any], said: str) -> None:
    assert said in refused(**more)


def test_https_ends_on_the_web_servers_which_answer_for_each_other() -> None:
    settings = graph(site__domain="a.example.com").resources["Web2Node"].properties["Settings"]
    assert settings["Tls"] == "acme"
    assert settings["Fleet"] == [{"Fn::GetAtt": [f"{who}Server", "PrivateIp"]} for who in ("Web", "Web2")]
    assert "TrustedProxies" not in settings, "the sender's address is the visitor's own"


def test_the_domain_leads_to_the_sites_address() -> None:
    made = graph(site__domain="a.example.com", names__dns="route53").resources
    assert made["DomainRecord"].properties["ResourceRecords"] == [{"Ref": "SiteAddress"}]
    assert "Certificate" not in made


@pytest.mark.parametrize("scheduler", ["rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq"])
def test_schedulers_by_destination_are_warned_of(scheduler: str) -> None:
    warned = [*directors.warnings(apply(Profile(), {**LVS, "director.scheduler": scheduler}))]
    assert bool(warned) == (scheduler in ("lblc", "lblcr", "dh"))


def test_the_pair_is_watched() -> None:
    made = graph(monitoring__alarms="yes").resources
    assert {"DirectorFailing", "Director2Failing"} <= set(made)


def test_another_image_is_another_graph() -> None:
    assert graph(replace(AWS, image_id_director="ami-1")).digest != graph().digest
