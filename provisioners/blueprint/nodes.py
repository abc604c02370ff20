"""The machines: admin node and web nodes, and the steps that converge them.

The admin node always has an Elastic IP; web nodes have one each where nothing else leads to them.
"""

from __future__ import annotations

import base64
from typing import Any

from troposphere import ec2

from provisioners.blueprint import mounts, network, security_groups
from provisioners.blueprint.draft import Draft, GetAtt, Ref
from provisioners.blueprint.step_types import NodeStep
from provisioners.debian import LEGACY

ADMIN_VOLUME_GIB = 8

WEB_GROUP = "WebGroup"
"""Logical id of the Auto Scaling group, where there is one."""

SITE_ADDRESS = "SiteAddress"
"""Logical id of the address that LVS directors hold in turn, where there are any."""

USER_DATA = """\
#!/bin/sh
# drucloud: tell this machine's host key through the console, which only the account's owner can read, so that the
# first SSH connection already knows whom it talks to. Nothing here is secret: every process can read user data.
set -eu
key=/etc/ssh/ssh_host_ed25519_key.pub
[ -s "$key" ] || ssh-keygen -A
printf 'DRUCLOUD-HOSTKEY %s\\n' "$(cut -d' ' -f1,2 "$key")" >/dev/console
"""
"""First boot of every machine; everything else comes over SSH."""


def add(draft: Draft) -> None:
    """Add every machine and its step."""
    profile, lookups = draft.profile, draft.lookups
    admin = instance(
        "Admin", "Admin", lookups.image_id_admin, profile.admin.instance_class, ADMIN_VOLUME_GIB, "PublicSubnetA"
    )
    translates = network.admin_translates(draft)
    if translates:
        admin.SourceDestCheck = False  # it passes on packets that are neither from nor to itself
    draft.add("admin", f"Admin server {profile.admin.instance_class}", admin)
    address(draft, "Admin", "admin")
    step(
        draft,
        "Admin",
        "Admin",
        lookups.admin_memory_mib,
        lookups.admin_vcpu,
        {**_common(draft), "Nat": translates, "VpcCidr": profile.network.cidr},
        admin_links(),
    )
    for index, who in enumerate(web_names(draft)):
        _web(draft, who, "AB"[index % 2])


def scales(draft: Draft) -> bool:
    """Whether the number of web servers follows the load (:mod:`provisioners.blueprint.scaling`)."""
    return draft.profile.web.scaling == "auto"


def web_settings(draft: Draft) -> dict[str, Any]:
    """Settings of the role ``web``."""
    profile = draft.profile
    return {
        **_common(draft),
        "Docroot": profile.site.docroot,
        **legacy(draft),
        "MicroCache": profile.cache.micro_cache,
        "MicroCacheSeconds": profile.cache.micro_cache_seconds,
        **mounts.web_settings(draft),
        **front(draft),
    }


def legacy(draft: Draft) -> dict[str, str]:
    """What a step for a Drupal 7 is told; nothing for any other."""
    drupal = draft.profile.site.drupal
    return {"Drupal": drupal} if drupal == LEGACY else {}


def _common(draft: Draft) -> dict[str, Any]:
    return {"Deployment": draft.profile.name, "DomainName": draft.profile.site.domain}


def front(draft: Draft) -> dict[str, Any]:
    """What a web server must know about whatever stands before it."""
    profile = draft.profile
    if profile.balancer.kind == "lvs":  # leaves the sender's address as it is, and TLS to the web servers
        tls = bool(profile.site.domain) and draft.lookups.target == "aws"
        fleet: dict[str, Any] = {"Tls": "acme", "Fleet": private_addresses(draft)} if tls else {"Tls": "none"}
        return {"FleetSize": profile.web.servers, **fleet}
    if profile.balancer.kind != "alb":  # visitors reach each server themselves: TLS ends here
        tls = bool(profile.site.domain) and draft.lookups.target == "aws"
        fleet = {"FleetSize": profile.web.servers} if profile.web.servers > 1 else {}
        return {"Tls": "acme" if tls else "none", **fleet}
    hops = 2 if profile.edge.cdn == "cloudfront" else 1
    most = profile.web.servers_at_most if scales(draft) else profile.web.servers
    return {"FleetSize": most, "ProxyHops": hops, "TrustedProxies": [profile.network.cidr]}


def web_names(draft: Draft) -> list[str]:
    """What the web servers are called: ``Web``, ``Web2``, ``Web3``; the zones take turns. Those of a group: nothing."""
    if scales(draft):
        return []
    return ["Web", *(f"Web{number}" for number in range(2, draft.profile.web.servers + 1))]


def private_addresses(draft: Draft) -> list[Any]:
    """Those of the web servers."""
    return [GetAtt(f"{who}Server", "PrivateIp") for who in web_names(draft)]


def machine(draft: Draft, who: str) -> dict[str, Any]:
    """How the machine ``who`` (``Admin``, ``Web``, ``Web2``) is reached: the properties of ``step_types.Machine``."""
    way: dict[str, Any] = {"EntranceGroup": GetAtt(security_groups.ADMIN, "GroupId")}
    if who != "Admin":
        way |= {"Via": Ref("AdminAddress"), "ViaInstanceId": Ref("AdminServer")}
    if who == "Web" and scales(draft):  # the server of the group that has been there longest
        return {"InstanceId": GetAtt(WEB_GROUP, "FirstInstanceId"), "Host": GetAtt(WEB_GROUP, "FirstPrivateIp"), **way}
    if who == "Admin" or not network.hides_web(draft):
        way["HostPublic"] = Ref(f"{who}Address")
    return {"InstanceId": Ref(f"{who}Server"), "Host": GetAtt(f"{who}Server", "PrivateIp"), **way}


def _web(draft: Draft, who: str, letter: str) -> None:
    """One web server; without an address of its own where a NAT gateway hides it."""
    profile, lookups = draft.profile, draft.lookups
    subnet = f"{network.web_side(draft)}Subnet{letter}"
    server = instance(who, "Web", lookups.image_id_web, profile.web.instance_class, profile.web.volume_gib, subnet)
    draft.add("web", f"{who} server {profile.web.instance_class}", server)
    links = [*inner_links(draft, who, letter, "web"), *mounts.web_links(draft)]
    step(draft, who, "Web", lookups.web_memory_mib, lookups.web_vcpu, web_settings(draft), links)


def web_links(draft: Draft, letter: str) -> list[str]:
    """What must stand before a web server of that zone is reached, reaches the world and mounts what it shares."""
    return [*_ways(draft, letter), *mounts.web_links(draft)]


def inner_links(draft: Draft, who: str, letter: str, tier: str) -> list[str]:
    """What must stand before a machine behind the admin node is reached and reaches the world.

    Where nothing hides the web servers it gets an address of its own, as they do.
    """
    links = _ways(draft, letter)
    if not network.hides_web(draft):
        address(draft, who, tier)
        links.append(f"{who}AddressInUse")
    return links


def _ways(draft: Draft, letter: str) -> list[str]:
    return [*admin_links(), *(link for link in network.web_way_out(draft, letter) if link not in admin_links())]


def address(draft: Draft, who: str, tier: str) -> None:
    """An Elastic IP of its own for the machine ``who``."""
    draft.add(tier, f"{who} address", ec2.EIP(f"{who}Address", Domain="vpc", DependsOn="GatewayAttachment"))
    draft.add(
        tier,
        f"{who} address in use",
        ec2.EIPAssociation(
            f"{who}AddressInUse",
            AllocationId=GetAtt(f"{who}Address", "AllocationId"),
            InstanceId=Ref(f"{who}Server"),
        ),
    )


def admin_links() -> list[str]:
    """What must stand before the admin node is reached and reaches the world."""
    return ["AdminAddressInUse", "PublicDefaultRoute", "PublicSubnetARoutes"]


def instance(who: str, role: str, image: str, instance_class: str, gib: int, subnet: str) -> ec2.Instance:
    """A machine that waits for SSH: keyed, encrypted, IMDSv2 only; ``role`` says its group and instance profile."""
    return ec2.Instance(
        f"{who}Server",
        ImageId=image,
        InstanceType=instance_class,
        KeyName=Ref("KeyPair"),
        IamInstanceProfile=Ref(f"{role}InstanceProfile"),
        SubnetId=Ref(subnet),
        SecurityGroupIds=[GetAtt(f"{role}SecurityGroup", "GroupId")],
        MetadataOptions=ec2.MetadataOptions(HttpEndpoint="enabled", HttpTokens="required", HttpPutResponseHopLimit=1),
        BlockDeviceMappings=[
            ec2.BlockDeviceMapping(
                DeviceName="/dev/xvda",  # root device of Debian's AMIs
                Ebs=ec2.EbsBlockDevice(VolumeType="gp3", VolumeSize=gib, Encrypted=True, DeleteOnTermination=True),
            )
        ],
        PropagateTagsToVolumeOnCreation=True,
        UserData=base64.b64encode(USER_DATA.encode()).decode(),
    )


def step(
    draft: Draft,
    who: str,
    role: str,
    memory_mib: int,
    vcpu: int,
    settings: dict[str, Any],
    links: list[str],
    tier: str = "",
) -> None:
    """The converge step; it may begin once the machine is reached and reaches the world (``links``).

    :param tier: where it stands in the tree; the tier that is called like the role, unless another is named.
    """
    converging = NodeStep(
        f"{who}Node",
        DependsOn=links,
        Role=role.lower(),
        MemoryMiB=memory_mib,
        Vcpu=vcpu,
        Settings=settings,
        **machine(draft, who),
    )
    draft.add(tier or role.lower(), f"Configure {who.lower()} node", converging)
