"""What a template without drucloud has to build another way than drucloud does: groups and pairs.

A group's servers start from Debian's image and converge at their first boot, for there is nobody to bake theirs.
Machines whose user data names their own or each other's address get network interfaces of their own: CloudFormation
makes those first, so that the addresses are known before any of the machines is.
"""

from __future__ import annotations

from collections.abc import Mapping
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
    """``resources`` with an interface for every machine that is told its own address, and everybody told that one."""
    made = dict(resources)
    moved: dict[tuple[str, str], dict[str, Any]] = {}
    for name, machine in machines.items():
        if {"Fn::GetAtt": [name, "PrivateIp"]} not in machine.values.values():
            continue
        interface = f"{name}Interface"
        server = made[name]["Properties"]
        made[interface] = {
            "Type": "AWS::EC2::NetworkInterface",
            "Properties": {
                "Description": f"Address of {name}",
                "SubnetId": server.pop("SubnetId"),
                "GroupSet": server.pop("SecurityGroupIds"),
                "Tags": server["Tags"],
            },
        }
        server["NetworkInterfaces"] = [{"DeviceIndex": "0", "NetworkInterfaceId": {"Ref": interface}}]
        moved[name, "PrivateIp"] = {"Fn::GetAtt": [interface, "PrimaryPrivateIpAddress"]}
    return {name: _told(body, moved) for name, body in made.items()} if moved else made


def _told(value: Any, moved: Mapping[tuple[str, str], Any]) -> Any:
    """``value`` with every attribute of ``moved`` taken from where it is now."""
    if isinstance(value, Mapping):
        if set(value) == {"Fn::GetAtt"} and (found := moved.get(tuple(value["Fn::GetAtt"]))):
            return found
        return {key: _told(item, moved) for key, item in value.items()}
    return [_told(item, moved) for item in value] if isinstance(value, list) else value
