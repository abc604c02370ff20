"""What a template without drucloud has to build another way than drucloud does: groups and pairs.

A group's servers start from Debian's image and converge at their first boot, for there is nobody to bake theirs.
Machines whose user data names their own or each other's address (a GlusterFS pair, LVS directors) get network
interfaces of their own: CloudFormation makes those first, so that the addresses are known before the machines are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from provisioners.nodes.boot import Booting

BOOT_SECONDS = 1800
"""How long a server may take from Debian's image until it serves: as long as its boot program tries."""


def serving_late(group: Mapping[str, Any]) -> None:
    """Give a group's servers the time that converging takes, before they count and before they are judged."""
    properties = group["Properties"]
    properties["HealthCheckGracePeriod"] = BOOT_SECONDS
    properties["DefaultInstanceWarmup"] = BOOT_SECONDS // 3
    group["UpdatePolicy"]["AutoScalingRollingUpdate"]["PauseTime"] = f"PT{BOOT_SECONDS // 120}M"


def with_interfaces(resources: Mapping[str, Any], machines: Mapping[str, Booting]) -> dict[str, Any]:
    """``resources`` with an interface for every machine of a circle, and everybody told the address of that one.

    A circle is a machine that is told its own address, or two that are told each other's.
    """
    made = dict(resources)
    moved: dict[tuple[str, str], dict[str, Any]] = {}
    for name in machines:
        if not any(_told_of(machines, name, other) and _told_of(machines, other, name) for other in machines):
            continue
        interface = f"{name}Interface"
        server = dict(made[name]["Properties"])
        made[interface] = {"Type": "AWS::EC2::NetworkInterface", "Properties": _card(name, server)}
        server["NetworkInterfaces"] = [{"DeviceIndex": "0", "NetworkInterfaceId": {"Ref": interface}}]
        made[name] = {key: value for key, value in made[name].items() if key != "DependsOn"} | {"Properties": server}
        if waits := _not_told(made[name], resources[name].get("DependsOn", [])):
            made[name]["DependsOn"] = waits
        moved[name, "PrivateIp"] = {"Fn::GetAtt": [interface, "PrimaryPrivateIpAddress"]}
    return {name: _told(body, moved) for name, body in made.items()} if moved else made


def _told_of(machines: Mapping[str, Booting], name: str, other: str) -> bool:
    """Whether the user data of ``name`` holds the address of ``other``."""
    return {"Fn::GetAtt": [other, "PrivateIp"]} in machines[name].values.values()


def _card(name: str, server: dict[str, Any]) -> dict[str, Any]:
    """The properties of the interface of the machine ``name``, taken out of the machine's own."""
    card = {"Description": f"Address of {name}", "Tags": server["Tags"]}
    if foreseen := server.pop("NetworkInterfaces", ()):
        (only,) = foreseen
        kept = ("SubnetId", "GroupSet", "SecondaryPrivateIpAddressCount")
        card |= {key: only[key] for key in kept if key in only}
    else:
        card |= {"SubnetId": server.pop("SubnetId"), "GroupSet": server.pop("SecurityGroupIds")}
    if "SourceDestCheck" in server:
        card["SourceDestCheck"] = server.pop("SourceDestCheck")
    return card


def _not_told(server: Mapping[str, Any], waits: str | Sequence[str]) -> list[str]:
    """Of what ``server`` waits for, that which its properties do not name: those CloudFormation waits for anyhow."""
    named = json.dumps(server["Properties"])
    return [name for name in ([waits] if isinstance(waits, str) else waits) if f'"{name}"' not in named]


def _told(value: Any, moved: Mapping[tuple[str, str], Any]) -> Any:
    """``value`` with every attribute of ``moved`` taken from where it is now."""
    if isinstance(value, Mapping):
        if set(value) == {"Fn::GetAtt"} and (found := moved.get(tuple(value["Fn::GetAtt"]))):
            return found
        return {key: _told(item, moved) for key, item in value.items()}
    return [_told(item, moved) for item in value] if isinstance(value, list) else value
