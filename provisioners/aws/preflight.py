"""What would go wrong later, found before anything is made. Every finding says what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from botocore.exceptions import BotoCoreError, ClientError

from profiles.errors import DrucloudError
from profiles.model import Profile
from provisioners.aws import preflight_names, preflight_offers, preflight_rights, quotas
from provisioners.aws.errors import classify, code, explain, message
from provisioners.aws.findings import Finding, Subject, finding
from provisioners.aws.preflight_network import addresses
from provisioners.aws.resource import ec2_rows
from provisioners.blueprint import directors
from provisioners.blueprint.draft import Draft
from provisioners.blueprint.lookups import Lookups
from provisioners.debian import LEGACY, LEGACY_END_OF_LIFE
from provisioners.engine.deployment import Deployment
from provisioners.nodes import solr
from provisioners.nodes.site import CANARY
from provisioners.target import Target

Check = Callable[[Subject], Iterator[Finding]]


def check(profile: Profile, target: Target, lookups: Lookups) -> list[Finding]:
    """Every finding; one with status ``fail`` forbids the start."""
    standing = frozenset(Deployment(target.deployment(profile.name)).state().standing())
    subject = Subject(profile, target, lookups, standing)
    return [one for name, check in CHECKS.items() for one in _run(name, check, subject)]


def _run(name: str, check: Check, subject: Subject) -> list[Finding]:
    """A check that AWS does not let us make is a warning, not a verdict; without credentials nothing goes on."""
    try:
        return list(check(subject))
    except (BotoCoreError, ClientError) as error:
        if classify(error) == "credentials":
            raise explain(error, "Checking the account") from error
        what = f"It could not be checked whether {name}: {code(error)} {message(error)}".rstrip(". ") + "."
        return [finding("warn", what, "Give the AWS identity the right to read it, or go on without.")]


def _identity(subject: Subject) -> Iterator[Finding]:
    who = subject.aws.client("sts").get_caller_identity()
    yield finding("ok", f"Account {who['Account']}, region {subject.target.region}, as {who['Arn']}")
    credentials = subject.aws.session.get_credentials()
    if subject.target.name == "aws" and credentials and credentials.access_key.startswith("AKIA"):
        yield finding(
            "warn", "These are long-lived access keys.", "Prefer a role with short-lived ones (aws sso login)."
        )


def _region(subject: Subject) -> Iterator[Finding]:
    """Newer regions are closed to an account until it opens them."""
    region = subject.target.region
    rows = subject.aws.client("ec2").describe_regions(RegionNames=[region], AllRegions=True)["Regions"]
    if rows and rows[0].get("OptInStatus") == "not-opted-in":
        yield finding(
            "fail",
            f"The region {region} is not enabled in this account.",
            "Enable it (AWS console, Account, AWS Regions; it takes minutes), or choose another.",
        )


def _code(subject: Subject) -> Iterator[Finding]:
    """Who serves the site's repository, as far as that can be told from here."""
    if subject.target.name == "aws" and subject.profile.site.repository == CANARY:
        yield finding(
            "fail",
            "The canary site is served by the sandbox only; in your account there is nobody to serve it.",
            "Set site.repository to the SSH address of your site's Git repository.",
        )


def _drupal(subject: Subject) -> Iterator[Finding]:
    if subject.profile.site.drupal == LEGACY:
        yield finding(
            "warn",
            f"Drupal 7 is out of support since {LEGACY_END_OF_LIFE}: nobody at drupal.org mends its holes any more.",
            "Use it to bring an old site over, buy extended support for it, and plan its move to a current Drupal.",
        )


def _sense(subject: Subject) -> Iterator[Finding]:
    """What can be built and is hardly meant."""
    for what, do in directors.warnings(subject.profile):
        yield finding("warn", what, do)


def _solr(subject: Subject) -> Iterator[Finding]:
    """Solr's release, as far as this machine has to bring it."""
    wish, mode = subject.profile.search, subject.target.mode
    if wish.kind != "solr" or mode == "rehearsal" or "SearchServer" in subject.standing:
        return
    try:
        if solr.local_archive(wish.archive, wish.sha512) is None and mode == "machines":
            solr.check_reachable(wish.archive, wish.sha512)
    except DrucloudError as error:
        yield finding("fail", error.what, error.do)


def _name_free(subject: Subject) -> Iterator[Finding]:
    if subject.standing:
        return
    name = subject.profile.name
    rows = ec2_rows(subject.aws, "describe_vpcs", "Vpcs", [{"Name": "tag:drucloud:deployment", "Values": [name]}])
    if rows:
        yield finding(
            "fail",
            f"A deployment '{name}' stands in this account and region already ({rows[0]['VpcId']}), "
            "but its journal is not on this machine.",
            "Work from the machine that made it, or choose another name.",
        )


def _bucket_free(subject: Subject) -> Iterator[Finding]:
    if subject.standing or not subject.profile.storage.bucket:
        return
    name = Draft(subject.profile, subject.lookups).global_name()
    try:
        subject.aws.client("s3").head_bucket(Bucket=name)
    except ClientError as error:
        if classify(error) == "denied":
            yield finding("fail", f"The bucket name {name} belongs to somebody else.", "Choose another name.")
        elif classify(error) != "gone":
            raise
    else:
        yield finding("ok", f"The file bucket {name} was kept from an earlier deployment and will be used again.")


CHECKS: dict[str, Check] = {
    "the account is the right one": _identity,
    "the region is enabled": _region,
    "the code can be served": _code,
    "the Drupal is supported": _drupal,
    "the choices make sense": _sense,
    "Solr's release can be had": _solr,
    "the name is free": _name_free,
    "the bucket's name is free": _bucket_free,
    "the identity may do all that is needed": preflight_rights.actions,
    "the zones sell the classes": preflight_offers.classes,
    "the pinned versions are still supported": preflight_offers.versions,
    "the engines take their parameters": preflight_offers.parameters,
    "the quotas suffice": quotas.check,
    "the address range is free": addresses,
    "the domain leads here": preflight_names.domain,
    "the domain's records are free": preflight_names.records,
    "the certificate can be issued": preflight_names.certificate,
    "the site's mail gets out": preflight_names.mail,
}
"""In the order in which they are told; the key says what each finds out."""
