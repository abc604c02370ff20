"""Files that all web servers share: an EFS file system, or a pair of machines that mirror each other (GlusterFS).

==========  ==========================================================================================================
kind        what
==========  ==========================================================================================================
efs         one file system over both zones, billed by what it holds; encrypted, mounted through TLS only. No access
            point: mounting by one takes AWS's own helper, and the node mounts with Debian's NFS client through TLS
glusterfs   one machine and volume a zone, each with all files; Gluster itself is no longer developed by its makers,
            which is why nothing but the preset ``classic`` chooses it
==========  ==========================================================================================================
"""

from __future__ import annotations

from typing import Any

from troposphere import ec2, efs

from provisioners.blueprint import access, keepers, mounts, security_groups
from provisioners.blueprint.draft import Draft, GetAtt, Ref

GROUP = "FilesSecurityGroup"

_COLD_DAYS = "AFTER_30_DAYS"
"""After which EFS keeps a file where it costs a twelfth."""


def add(draft: Draft) -> None:
    """Add what the profile's choice needs."""
    if mounts.kind(draft) == "efs":
        _file_system(draft)
    elif mounts.kind(draft) == "glusterfs":
        _pair(draft)


def _file_system(draft: Draft) -> None:
    door = (security_groups.WEB, (security_groups.NFS_PORT, security_groups.NFS_PORT))
    security_groups.add_inner(draft, GROUP, "Shared files", [door], machines=False)
    policy = "Retain" if draft.keeps_data else "Delete"
    system = efs.FileSystem(
        "FileSystem",
        Encrypted=True,
        PerformanceMode="generalPurpose",
        ThroughputMode="elastic",
        LifecyclePolicies=[
            efs.LifecyclePolicy(TransitionToIA=_COLD_DAYS),
            efs.LifecyclePolicy(TransitionToPrimaryStorageClass="AFTER_1_ACCESS"),
        ],
        BackupPolicy=efs.BackupPolicy(Status="DISABLED"),  # the deployment's own backup plan, if it is wanted
        FileSystemPolicy=_tls_only(),
        DeletionPolicy=policy,
        UpdateReplacePolicy=policy,
    )
    draft.add("files", "Shared file system", system)
    for letter, _ in draft.zones:
        target = efs.MountTarget(
            f"FilesTarget{letter}",
            FileSystemId=Ref("FileSystem"),
            SubnetId=Ref(f"PrivateSubnet{letter}"),
            SecurityGroups=[GetAtt(GROUP, "GroupId")],
        )
        draft.add("files", f"Shared files in zone {letter.lower()}", target)


def _tls_only() -> dict[str, Any]:
    """Who reaches a mount target (by its security group) may mount, and only through TLS."""
    mount = {
        "Sid": "MountTargets",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [
            "elasticfilesystem:ClientMount",
            "elasticfilesystem:ClientRootAccess",
            "elasticfilesystem:ClientWrite",
        ],
        "Condition": {"Bool": {"elasticfilesystem:AccessedViaMountTarget": "true"}},
    }
    plain = {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": "*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return {"Version": "2012-10-17", "Statement": [mount, plain]}


def _pair(draft: Draft) -> None:
    doors = [(security_groups.WEB, ports) for ports in security_groups.GLUSTER_PORTS]
    security_groups.add_inner(draft, GROUP, "Shared files", doors, machines=True)
    rules = [_among_themselves(*ports, index) for index, ports in enumerate(security_groups.GLUSTER_PORTS, start=1)]
    for rule in rules:
        draft.add("files", "Files servers among themselves", rule)
    access.add_role(draft, "Files", [])
    wish, lookups = draft.profile.files, draft.lookups
    for who, letter in zip(mounts.PAIR, "AB", strict=True):
        keeper = keepers.Keeper(
            who, "Files", letter, wish.instance_class, lookups.image_id_files, lookups.files_memory_mib,
            lookups.files_vcpu, wish.volume_gib,
        )  # fmt: skip
        settings = {"VolumeId": keepers.volume_id(draft, who), "FilesServers": mounts.servers()}
        keepers.add(draft, keeper, settings, [rule.title for rule in rules])


def _among_themselves(first: int, last: int, index: int) -> ec2.SecurityGroupIngress:
    """A group cannot name itself while it is being made."""
    return ec2.SecurityGroupIngress(
        f"FilesPairIn{index}",
        GroupId=GetAtt(GROUP, "GroupId"),
        IpProtocol="tcp",
        FromPort=first,
        ToPort=last,
        SourceSecurityGroupId=GetAtt(GROUP, "GroupId"),
        Description="GlusterFS between the pair",
    )
