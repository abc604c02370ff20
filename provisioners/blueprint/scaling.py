"""Web servers whose number follows the load: golden image, launch template, Auto Scaling group, policy.

The image is made while the database comes up. What a server cannot know before (where database and cache are, the name
of the site's secret) stands in the launch template's user data, which its first boot reads; nothing in it is secret.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from troposphere import Base64, Tags, autoscaling, ec2
from troposphere.policies import AutoScalingRollingUpdate, UpdatePolicy

from provisioners.blueprint import balancer, network, nodes, security_groups, site_services
from provisioners.blueprint.database import DATABASE_NAME
from provisioners.blueprint.draft import Draft, GetAtt, Ref, Sub
from provisioners.blueprint.nodes import USER_DATA, WEB_GROUP
from provisioners.blueprint.step_types import ImageStep

CPU_PERCENT = 60
"""Average load that the group is kept at: enough is left for what comes until another server is up."""

BOOT_SECONDS = 60
"""How long a new server takes to serve, generously: its figures do not count before, nor is it replaced."""


def add(draft: Draft) -> None:
    """Add image, template, group and policy, if the number of web servers is to follow the load."""
    if not nodes.scales(draft):
        return
    wish = draft.profile.web
    draft.add("web", f"Golden image {wish.instance_class}", _image(draft))
    draft.add("web", f"Launch template {wish.instance_class}", _template(draft))
    draft.add("web", f"{wish.servers} to {wish.servers_at_most} web servers {wish.instance_class}", _group(draft))
    draft.add("web", f"Follows the load ({CPU_PERCENT} % CPU)", _policy())


def _server(draft: Draft, user_data: Any) -> dict[str, Any]:
    """A web server in the words of a launch template: all but its image and its subnet."""
    group = GetAtt(security_groups.WEB, "GroupId")
    if network.hides_web(draft):
        card: dict[str, Any] = {"SecurityGroupIds": [group]}
    else:
        card = {"NetworkInterfaces": [{"DeviceIndex": 0, "AssociatePublicIpAddress": True, "Groups": [group]}]}
    disk = {"VolumeType": "gp3", "VolumeSize": draft.profile.web.volume_gib, "Encrypted": True}
    return {
        "InstanceType": draft.profile.web.instance_class,
        "KeyName": Ref("KeyPair"),
        "IamInstanceProfile": {"Name": Ref("WebInstanceProfile")},
        "MetadataOptions": {"HttpEndpoint": "enabled", "HttpTokens": "required", "HttpPutResponseHopLimit": 1},
        "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {**disk, "DeleteOnTermination": True}}],
        "UserData": user_data,
        **card,
    }


def _image(draft: Draft) -> ImageStep:
    site, lookups = draft.profile.site, draft.lookups
    server = _server(draft, base64.b64encode(USER_DATA.encode()).decode())
    subnet = Ref(f"{network.web_side(draft)}SubnetA")
    place = {"SubnetId": subnet}
    if "NetworkInterfaces" in server:  # EC2 takes the subnet in one place only
        place = {"NetworkInterfaces": [{**server["NetworkInterfaces"][0], **place}]}
    given = {"GitHostKey": site.git_host_key, "DomainName": site.domain}
    return ImageStep(
        "Image",
        DependsOn=[*nodes.web_links(draft, "A"), "WebPermissions"],
        Builder={**server, "ImageId": lookups.image_id_web, **place},
        Settings=nodes.web_settings(draft),
        MemoryMiB=lookups.web_memory_mib,
        Vcpu=lookups.web_vcpu,
        Deployment=draft.profile.name,
        Repository=site.repository,
        Branch=site.branch,
        Docroot=site.docroot,
        DatabaseName=DATABASE_NAME,
        DeployKeySecretArn=Ref("DeployKeySecret"),
        **{name: way for name, way in nodes.machine(draft, "Web").items() if name not in ("InstanceId", "Host")},
        **{name: value for name, value in given.items() if value},
    )


def _first_boot(draft: Draft) -> Sub:
    """The user data of the group's servers: as every machine's, then ``boot`` with what the image could not know."""
    told = {
        "cache": {
            "host": "${Cache.ConfigurationEndpoint.Address}",
            "nodes": draft.profile.cache.nodes,
            "port": "${Cache.ConfigurationEndpoint.Port}",
        },
        "database": {"host": "${Database.Endpoint.Address}", "port": "${Database.Endpoint.Port}"},
        "secret_arn": "${SiteSecret}",
        "services": site_services.in_words(site_services.told(draft)),
    }
    settings = json.dumps(told, indent=1, sort_keys=True)
    return Sub(f"{USER_DATA}exec /usr/lib/drucloud/boot <<'SETTINGS'\n{settings}\nSETTINGS\n")


def _template(draft: Draft) -> ec2.LaunchTemplate:
    tags = {"drucloud:deployment": draft.profile.name, "drucloud:resource": "WebTemplate"}
    return ec2.LaunchTemplate(
        "WebTemplate",
        LaunchTemplateName=draft.name("web"),
        LaunchTemplateData=ec2.LaunchTemplateData.from_dict(
            None, {**_server(draft, Base64(_first_boot(draft))), "ImageId": GetAtt("Image", "ImageId")}
        ),
        TagSpecifications=[ec2.TagSpecifications(ResourceType="launch-template", Tags=Tags(tags))],
    )


class _Group(autoscaling.AutoScalingGroup):  # type: ignore[misc]  # troposphere is untyped
    """A group whose servers get its tags: CloudFormation wants that said with each of them."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "Tags":
            value = autoscaling.Tags(**{pair["Key"]: pair["Value"] for pair in value.tags})
        super().__setattr__(name, value)


def _group(draft: Draft) -> autoscaling.AutoScalingGroup:
    wish, side = draft.profile.web, network.web_side(draft)
    routes = {link for letter in "AB" for link in network.web_way_out(draft, letter)}
    return _Group(
        WEB_GROUP,
        AutoScalingGroupName=draft.name("web"),
        LaunchTemplate=autoscaling.LaunchTemplateSpecification(
            LaunchTemplateId=Ref("WebTemplate"), Version=GetAtt("WebTemplate", "LatestVersionNumber")
        ),
        MinSize=str(wish.servers),
        MaxSize=str(wish.servers_at_most),
        VPCZoneIdentifier=[Ref(f"{side}Subnet{letter}") for letter in "AB"],
        TargetGroupARNs=[Ref("WebTargets")],
        HealthCheckType="ELB",
        HealthCheckGracePeriod=5 * BOOT_SECONDS,
        DefaultInstanceWarmup=BOOT_SECONDS,
        DependsOn=sorted({*routes, balancer.forwarding(draft), "WebPermissions"}),
        # for CloudFormation; drucloud's own engine refreshes the instances
        UpdatePolicy=UpdatePolicy(
            AutoScalingRollingUpdate=AutoScalingRollingUpdate(
                MinInstancesInService=min(wish.servers, wish.servers_at_most - 1), MaxBatchSize=1, PauseTime="PT2M"
            )
        ),
    )


def _policy() -> autoscaling.ScalingPolicy:
    metric = autoscaling.PredefinedMetricSpecification(PredefinedMetricType="ASGAverageCPUUtilization")
    return autoscaling.ScalingPolicy(
        "WebScaling",
        AutoScalingGroupName=Ref(WEB_GROUP),
        PolicyType="TargetTrackingScaling",
        TargetTrackingConfiguration=autoscaling.TargetTrackingConfiguration(
            PredefinedMetricSpecification=metric, TargetValue=CPU_PERCENT
        ),
    )
