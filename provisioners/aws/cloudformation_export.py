"""A profile as files that need no drucloud: a CloudFormation template, the machines' bundles, and how to use them.

What the account decides (zones, images, engine versions) is a parameter; machines converge at their first boot from
their bundles in S3. No file holds a secret: the deploy key is a parameter that is never shown.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from profiles import catalogue
from profiles.errors import UsageError
from profiles.model import Profile
from provisioners.aws import export_shapes
from provisioners.aws.lookups import further_classes
from provisioners.blueprint.build import build
from provisioners.blueprint.graph import Blueprint
from provisioners.blueprint.lookups import Lookups
from provisioners.blueprint.placeholders import placeholder_lookups
from provisioners.debian import TRIXIE, web_suite
from provisioners.nodes import boot

DEBIAN_IMAGE = "/aws/service/debian/release/{}/latest/{}"
"""Debian's own public SSM parameter of its current AMI, by its release and its name of the architecture."""

DEBIAN_ARCHITECTURE = {"arm64": "arm64", "x86_64": "amd64"}

VERSIONS = {"mariadb": ("11.8.8", "mariadb11.8"), "mysql": ("8.4.7", "mysql8.4")}
"""Default of the parameter, and the parameter group family that goes with it."""

_IMAGE = "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>"
_ZONE = "AWS::EC2::AvailabilityZone::Name"


def export(profile: Profile, folder: Path) -> list[Path]:
    """Write everything for ``profile`` into ``folder``; the files, in order.

    :raises UsageError: the profile asks for what cannot be had without drucloud (the canary site).
    """
    made = _Export(profile)
    files: dict[str, bytes] = {
        "README.md": made.readme().encode(),
        "deploy.sh": DEPLOY.replace("@NAME@", profile.name).replace("@REGION@", profile.aws.region).encode(),
        "parameters.json": _text(made.answers()),
        "template.json": _text(made.template()),
        **{f"bundles/{name}": content for name, content in made.bundles().items()},
    }
    written = []
    for name, content in sorted(files.items()):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if name.endswith(".sh"):
            path.chmod(0o755)
        written.append(path)
    return written


def _text(value: Any) -> bytes:
    return (json.dumps(value, indent=1) + "\n").encode()


class _Export:
    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.parameters = _parameters(profile)
        self.blueprint = build(profile, _lookups(profile))
        if unknown := sorted({one.type for one in self.blueprint.resources.values() if one.is_step} - _BOOTED):
            raise UsageError(
                f"Templates without drucloud cannot do what {', '.join(unknown)} does.", "Deploy with drucloud."
            )
        self.machines = boot.machines(self.blueprint)

    def bundles(self) -> dict[str, bytes]:
        """The objects for S3."""
        return {name: content for one in self.machines.values() for name, content in boot.contents(one).items()}

    def template(self) -> dict[str, Any]:
        """The template: parameters for what was looked up, user data that converges, the right to read the bundles."""
        plain = self.blueprint.cloudformation()
        used: set[str] = set()
        resources = {name: self._resource(body, used) for name, body in plain["Resources"].items()}
        for name, machine in self.machines.items():
            server = resources[name]["Properties"]
            server = server.get("LaunchTemplateData", server)
            server["UserData"] = boot.user_data(machine, {"Ref": "Bundles"}, {"Ref": "Prefix"})
        for group in (body for body in resources.values() if body["Type"] == "AWS::AutoScaling::AutoScalingGroup"):
            export_shapes.serving_late(group)
        resources = export_shapes.with_interfaces(resources, self.machines)
        resources |= _reading_bundles(self.blueprint)
        declared = {name: body for name, body in self.parameters.items() if name in used}
        asked = {name: body for name, body in plain.get("Parameters", {}).items() if name not in _BAKED}
        return {
            "AWSTemplateFormatVersion": "2010-09-09",
            "Description": f"Drupal stack '{self.profile.name}', exported by drucloud",
            "Parameters": {**_BUNDLE_PARAMETERS, **declared, **asked},
            "Resources": resources,
            "Outputs": self._outputs(),
        }

    def _resource(self, body: Mapping[str, Any], used: set[str]) -> dict[str, Any]:
        made: dict[str, Any] = _with_parameters(body, self.parameters, used)
        if body["Type"] == "AWS::S3::Bucket":
            made["Properties"].pop("BucketName", None)  # it would have to hold the account's own mark
        if parameter := _VERSIONED.get(body["Type"]):
            made["Properties"]["EngineVersion"] = {"Ref": parameter}
            used.add(parameter)
        return made

    def _outputs(self) -> dict[str, Any]:
        (check,) = [one for one in self.blueprint.resources.values() if one.type == "Drucloud::Check"]
        return {
            "Address": {"Description": "Where the site answers", "Value": check.properties["Address"]},
            "AdminAddress": {"Description": "The admin node", "Value": {"Ref": "AdminAddress"}},
        }

    def answers(self) -> list[dict[str, str]]:
        """The parameters to fill in, for ``deploy.sh``: those without a default, but not the key."""
        declared = self.template()["Parameters"]
        asked = [name for name, body in declared.items() if "Default" not in body and not body.get("NoEcho")]
        return [{"ParameterKey": name, "ParameterValue": ""} for name in asked]

    def readme(self) -> str:
        """What to do with the files."""
        names = "\n".join(f"* `{row['ParameterKey']}`" for row in self.answers())
        return README.format(name=self.profile.name, region=self.profile.aws.region, parameters=names)


_VERSIONED = {"AWS::RDS::DBInstance": "EngineVersion", "AWS::ElastiCache::CacheCluster": "CacheVersion"}
"""The parameter that holds the version of a type's engine."""

_BOOTED = {"Drucloud::Node", "Drucloud::Image", "Drucloud::Site", "Drucloud::Check"}
"""Steps that booting machines do by themselves, or that can be left out (the check)."""

_BAKED = {"ImageImageId": "WebImage"}
"""The blueprint's parameter for a golden image, and the one for Debian's, from which the same server boots."""

_BUNDLE_PARAMETERS: dict[str, Any] = {
    "Bundles": {"Type": "String", "Description": "Bucket that holds the folder 'bundles'"},
    "Prefix": {"Type": "String", "Default": "drucloud", "Description": "Where in the bucket"},
}


def _parameters(profile: Profile) -> dict[str, dict[str, Any]]:
    """The parameters by name; each stands for the lookup that :func:`_lookups` fills with ``@@name``."""
    return {
        "ZoneA": {"Type": _ZONE, "Description": "The zone of the admin node and the first web server"},
        "ZoneB": {"Type": _ZONE, "Description": "Another zone"},
        **{
            f"{who.capitalize()}Image": {"Type": _IMAGE, "Default": _debian_image(profile, who)}
            for who in _machines(profile)
        },
        "EngineVersion": {"Type": "String", "Default": VERSIONS[profile.database.engine][0]},
        "CacheVersion": {"Type": "String", "Default": "1.6.22"},
        "SshPublicKey": {"Type": "String", "Description": "Public half of the key that may log in to the machines"},
        "EdgePrefixList": {
            "Type": "String",
            "Description": "Id of the prefix list com.amazonaws.global.cloudfront.origin-facing",
        },
        "HostedZone": {"Type": "AWS::Route53::HostedZone::Id", "Description": "The zone of the domain"},
    }


def _machines(profile: Profile) -> list[str]:
    """Sections of the profile that name the class of a machine it has."""
    return ["web", "admin", *further_classes(profile)]


def _debian_image(profile: Profile, who: str) -> str:
    suite = web_suite(profile.site.drupal) if who == "web" else TRIXIE
    return DEBIAN_IMAGE.format(suite.release, _machine(profile, who)[2])


def _machine(profile: Profile, who: str) -> tuple[int, int, str]:
    """Memory in MiB, CPUs and Debian's architecture of the class in the section ``who``."""
    name = getattr(profile, who).instance_class
    found = catalogue.find("ec2", profile.aws.region, name)
    if found is None:
        raise UsageError(f"The catalogue does not know {name} in {profile.aws.region}.", "Choose another class.")
    return found.memory_mib, found.vcpu, DEBIAN_ARCHITECTURE[found.architecture]


def _lookups(profile: Profile) -> Lookups:
    """Lookups with a mark for each parameter."""
    known = placeholder_lookups(profile, "aws").to_json()
    given = {
        "zones": ["@@ZoneA", "@@ZoneB"],
        "engine_version": VERSIONS[profile.database.engine][0],
        "engine_family": VERSIONS[profile.database.engine][1],
        "ssh_public_key": "@@SshPublicKey",
        "edge_prefix_list": "@@EdgePrefixList",
        "hosted_zone": "@@HostedZone",
    }
    machines: dict[str, Any] = {}
    for who in _machines(profile):
        memory, cpus, _ = _machine(profile, who)
        image = f"@@{who.capitalize()}Image"
        machines |= {f"image_id_{who}": image, f"{who}_memory_mib": memory, f"{who}_vcpu": cpus}
    return Lookups.from_json({**known, **given, **machines})


def _with_parameters(value: Any, parameters: Mapping[str, Any], used: set[str]) -> Any:
    """``value`` with every mark replaced by a reference to its parameter; their names are added to ``used``."""
    if isinstance(value, Mapping):
        if set(value) == {"Ref"} and (instead := _BAKED.get(value["Ref"])):
            used.add(instead)
            return {"Ref": instead}
        return {key: _with_parameters(item, parameters, used) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_parameters(item, parameters, used) for item in value]
    if isinstance(value, str) and value.startswith("@@") and value[2:] in parameters:
        used.add(value[2:])
        return {"Ref": value[2:]}
    return value


def _reading_bundles(blueprint: Blueprint) -> dict[str, Any]:
    """Each machine's role may read the bundles, and nothing else of that bucket."""
    roles = [name for name, one in blueprint.resources.items() if one.type == "AWS::IAM::Role"]
    statement = {
        "Effect": "Allow",
        "Action": "s3:GetObject",
        "Resource": {"Fn::Sub": "arn:${AWS::Partition}:s3:::${Bundles}/${Prefix}/*"},
    }
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return {
        f"{name}Bundles": {
            "Type": "AWS::IAM::RolePolicy",
            "Properties": {"PolicyName": "bundles", "RoleName": {"Ref": name}, "PolicyDocument": document},
        }
        for name in roles
    }


DEPLOY = """\
#!/bin/sh
# Upload the bundles and deploy the stack: ./deploy.sh BUCKET DEPLOY_KEY_FILE
# The deploy key is the private key that may read the site's repository; it is never an argument of a program.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
bucket=$1
key=$2
aws s3 cp --recursive --region @REGION@ "$here/bundles" "s3://$bucket/drucloud"
answers=$(mktemp)
trap 'rm -f "$answers"' EXIT
chmod 600 "$answers"
python3 - "$here/parameters.json" "$key" "$bucket" >"$answers" <<'PROGRAM'
import json, pathlib, sys
rows = json.loads(pathlib.Path(sys.argv[1]).read_text())
given = {row["ParameterKey"]: row["ParameterValue"] for row in rows}
given.update(DeployKey=pathlib.Path(sys.argv[2]).read_text(), Bundles=sys.argv[3])
json.dump([f"{name}={value}" for name, value in given.items()], sys.stdout)
PROGRAM
aws cloudformation deploy --region @REGION@ --stack-name drucloud-@NAME@ --template-file "$here/template.json" \\
    --s3-bucket "$bucket" --s3-prefix drucloud/templates --capabilities CAPABILITY_NAMED_IAM \\
    --parameter-overrides "file://$answers"
"""

README = """\
# {name}: a Drupal stack as CloudFormation

Exported by drucloud; nothing here needs it any more.

1. Make a private bucket in {region} for the bundles and the template.
2. Fill in `parameters.json`:

{parameters}

3. `./deploy.sh BUCKET DEPLOY_KEY_FILE`, with the private key that may read the site's repository.

The stack makes everything; each machine then converges at its first boot from its bundle in the bucket, which takes
some minutes. What it does is in `/var/log/cloud-init-output.log` on the machine. The outputs say where
the site answers.

`bundles/` holds what each machine becomes, `template.json` what stands. There is no secret in either: secrets are made
by Secrets Manager, and the deploy key is a parameter that CloudFormation does not show. To change a machine, change its
bundle, upload it, and replace the instance.

Deleting the stack: deletion protection of the database and of the load balancer has to be lifted first, and buckets
that the template does not retain have to be empty.
"""
