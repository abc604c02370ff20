"""Whether the account's mail gets out: SES's sandbox, the domain's proof, records that stand in the way."""

from __future__ import annotations

from collections.abc import Iterator

from botocore.exceptions import ClientError

from profiles.model import Profile
from provisioners.aws import route53
from provisioners.aws.errors import classify
from provisioners.aws.findings import Finding, finding
from provisioners.aws.session import Aws
from provisioners.blueprint import mail

REQUEST = "Ask AWS for production access: SES console, Account dashboard, 'Request production access' (about a day)."


def findings(aws: Aws, profile: Profile, zone: str, standing: bool) -> Iterator[Finding]:
    """What the account says about sending as this site; nothing without ``mail.kind=ses``.

    :param zone: id of the domain's hosted zone; empty where drucloud leads no name here.
    :param standing: the deployment has things already, so that what is there may be its own.
    :raises ClientError: SES or Route 53 may not be asked.
    """
    if profile.mail.kind != "ses":
        return
    if not zone:
        yield finding(
            "warn",
            "mail.kind=ses has no effect: SES needs a domain whose records drucloud may add.",
            "Set site.domain and names.dns=route53, or mail.kind=none.",
        )
        return
    yield from account(aws)
    if not standing:
        yield from _identity(aws, profile)
        yield from _records(aws, profile, zone)


def account(aws: Aws) -> Iterator[Finding]:
    """Whether SES lets this account write to anybody in this region."""
    told = aws.client("sesv2").get_account()
    quota = told.get("SendQuota", {})
    pace = f"{quota.get('Max24HourSend', 0):,.0f} mails a day, {quota.get('MaxSendRate', 0):g} a second"
    if not told.get("SendingEnabled", False):
        what = f"SES has stopped this account's sending in {aws.region} ({told.get('EnforcementStatus', 'no reason')})."
        yield finding("warn", what, "See the Account dashboard of the SES console.")
    elif not told.get("ProductionAccessEnabled", False):
        what = f"SES is in its sandbox in {aws.region}: {pace}, and only to addresses that are verified."
        yield finding("warn", what, REQUEST)
    else:
        yield finding("ok", f"SES sends in {aws.region}: {pace}")


def verified(aws: Aws, profile: Profile) -> Finding:
    """Whether SES has seen the domain's records; for health, once the deployment stands."""
    name = mail.domain(profile)
    told = aws.client("sesv2").get_email_identity(EmailIdentity=name)
    sending, sender = bool(told.get("VerifiedForSendingStatus")), told.get("MailFromAttributes", {})
    if sending and sender.get("MailFromDomainStatus") == "SUCCESS":
        return finding("ok", f"SES sends as {name}, signed and aligned")
    missing = "the MAIL FROM records" if sending else "the DKIM records"
    return finding(
        "warn",
        f"SES has not seen {missing} of {name} yet.",
        "Wait up to an hour; then compare the zone with what the SES console shows.",
    )


def _identity(aws: Aws, profile: Profile) -> Iterator[Finding]:
    name = mail.domain(profile)
    try:
        aws.client("sesv2").get_email_identity(EmailIdentity=name)
    except ClientError as error:
        if classify(error) != "gone":
            raise
    else:
        yield finding(
            "fail",
            f"SES knows {name} already, and this deployment did not make it.",
            "Remove it there, or set mail.kind=none and go on sending as before, or mail.domain to another one.",
        )


def _records(aws: Aws, profile: Profile, zone: str) -> Iterator[Finding]:
    there = route53.records(aws, zone)
    name = mail.domain(profile)
    wanted = {(mail.bounce_domain(profile), "MX"), (mail.bounce_domain(profile), "TXT")}
    if profile.mail.dmarc != "keep" and (f"_dmarc.{name}", "TXT") in there:
        what = f"{name} has a DMARC record already; drucloud never overwrites one."
        yield finding("fail", what, "Set mail.dmarc=keep.")
    for key in sorted(wanted & there.keys()):
        what = f"{key[0]} has a record of type {key[1]} already; drucloud never overwrites one."
        yield finding("fail", what, "Remove it, or set mail.domain to another domain.")
    held = route53.plain(aws.client("route53").get_hosted_zone(Id=zone)["HostedZone"]["Name"])
    if name != held and not name.endswith(f".{held}"):
        what = f"The zone {held} cannot hold records of {name}."
        yield finding("fail", what, f"Set mail.domain to {held} or a name below it.")
