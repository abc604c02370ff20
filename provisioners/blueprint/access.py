"""Key pair, secrets, and one role a machine with exactly the permissions it uses.

Permissions are resources of their own, so that a machine's role need not wait for the database whose secret it may
read: only the step that reads it does.
"""

from __future__ import annotations

import json
from typing import Any

from troposphere import ec2, iam, secretsmanager

from provisioners.blueprint.draft import DeploymentFile, Draft, GetAtt, Ref, Sub

DATABASE_USER = "drupal"
"""The site's own database user; its password is in ``SiteSecret``."""


def add(draft: Draft) -> None:
    """Add key pair, secrets, roles, instance profiles and permissions."""
    draft.add(
        "access",
        "SSH key pair",
        ec2.KeyPair("KeyPair", KeyName=draft.name(), PublicKeyMaterial=draft.lookups.ssh_public_key),
    )
    _secrets(draft)
    add_role(draft, "Web", _web_statements(draft))
    add_role(draft, "Admin", [_may_read(Ref("SiteSecret"), GetAtt("Database", "MasterUserSecret.SecretArn"))])


def _secrets(draft: Draft) -> None:
    site = secretsmanager.Secret(
        "SiteSecret",
        DeletionPolicy="Delete",
        UpdateReplacePolicy="Delete",
        Name=f"drucloud/{draft.profile.name}/site",
        Description="Database user of the site; the hash salt is derived from its password",
        GenerateSecretString=secretsmanager.GenerateSecretString(
            SecretStringTemplate=json.dumps({"username": DATABASE_USER}),
            GenerateStringKey="password",
            PasswordLength=64,
            ExcludePunctuation=True,
        ),
    )
    draft.add("access", "Secret: database user", site)
    deploy_key = secretsmanager.Secret(
        "DeployKeySecret",
        DeletionPolicy="Delete",
        UpdateReplacePolicy="Delete",
        Name=f"drucloud/{draft.profile.name}/deploy-key",
        Description="Private half of the deploy key of the Git repository",
        SecretString=DeploymentFile("deploy_key"),
    )
    draft.add("access", "Secret: deploy key", deploy_key)


def add_role(draft: Draft, who: str, statements: list[dict[str, Any]]) -> None:
    """A role EC2 may assume, its instance profile, and its permissions, if it has any.

    Roles are global in an account, hence the region in the name (at most 60 of 64 characters).
    """
    name = draft.name(draft.lookups.region, who.lower())
    trust = policy({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"})
    draft.add("access", f"{who} role", iam.Role(f"{who}Role", RoleName=name, AssumeRolePolicyDocument=trust))
    draft.add(
        "access",
        f"{who} instance profile",
        iam.InstanceProfile(f"{who}InstanceProfile", InstanceProfileName=name, Roles=[Ref(f"{who}Role")]),
    )
    if not statements:
        return
    permissions = iam.RolePolicy(
        f"{who}Permissions", PolicyName="drucloud", RoleName=Ref(f"{who}Role"), PolicyDocument=policy(*statements)
    )
    draft.add("access", f"{who} permissions", permissions)


def _web_statements(draft: Draft) -> list[dict[str, Any]]:
    statements = [_may_read(Ref("SiteSecret"), Ref("DeployKeySecret"))]
    if draft.profile.storage.bucket:
        statements.append(allow(["s3:ListBucket"], GetAtt("FileBucket", "Arn")))
        statements.append(allow(["s3:DeleteObject", "s3:GetObject", "s3:PutObject"], Sub("${FileBucket.Arn}/*")))
    return statements


def _may_read(*secrets: Any) -> dict[str, Any]:
    return allow(["secretsmanager:GetSecretValue"], *secrets)


def allow(actions: list[str], *resources: Any) -> dict[str, Any]:
    """One statement of a policy."""
    return {"Effect": "Allow", "Action": actions, "Resource": list(resources)}


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    """A policy document."""
    return {"Version": "2012-10-17", "Statement": list(statements)}
