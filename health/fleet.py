"""What AWS says about load balancer, CDN, mail and the account's limits."""

from __future__ import annotations

import time
from collections.abc import Sequence

from botocore.exceptions import BotoCoreError, ClientError

from health.report import Finding, Status
from health.services import unreachable
from provisioners.aws.quotas import QUOTAS, Quota, limit_of
from provisioners.foreign_text import clean_line
from provisioners.target import Target

QUOTA_WARN = 0.9
"""Share of a limit in use from which it is a warning: the next deploy, or a growing group, may not fit."""


def targets(target: Target, group: str) -> list[Finding]:
    """Whether the load balancer believes each web server to be well."""
    try:
        rows = target.aws.client("elbv2").describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    except (ClientError, BotoCoreError) as error:
        raise unreachable(error) from error
    name = group.rpartition(":targetgroup/")[2].partition("/")[0]
    ill = {
        clean_line(row["Target"]["Id"]): clean_line(
            row["TargetHealth"].get("Description", row["TargetHealth"]["State"])
        )
        for row in rows
        if row["TargetHealth"]["State"] not in ("healthy", "initial", "draining")
    }
    well = len(rows) - len(ill)
    value = f"{well} of {len(rows)} well"
    if not rows or not well:
        why = "The load balancer has no web server to ask." if not rows else f"No web server is well: {_listed(ill)}."
        return [_finding("alb.targets", name, "fail", value, why, "See /healthz on the web servers.", float(well))]
    if ill:
        remedy = "See the machine's own findings: nginx has to answer /healthz."
        why = f"The load balancer leaves out {_listed(ill)}."
        return [_finding("alb.targets", name, "warn", value, why, remedy, float(well))]
    return [_finding("alb.targets", name, "ok", value, "The load balancer asks every web server.", "", float(well))]


def _listed(ill: dict[str, str]) -> str:
    return ", ".join(f"{one} ({why})" for one, why in sorted(ill.items()))


WELL_SHARE = 0.18
"""More than this share of Route 53's checkers have to find a server well ("How Amazon Route 53 determines whether a
health check is healthy", Route 53 Developer Guide)."""


def health_check(target: Target, check: str, subject: str) -> list[Finding]:
    """Whether Route 53's checkers, all over the world, get an answer from a web server; one look is no outage."""
    try:
        told = target.aws.client("route53").get_health_check_status(HealthCheckId=check)["HealthCheckObservations"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchHealthCheck":
            return [_finding("dns.health", subject, "fail", "gone", "Route 53 no longer asks this server.", _REPLAY)]
        raise unreachable(error) from error
    except BotoCoreError as error:
        raise unreachable(error) from error
    said = [clean_line(row["StatusReport"]["Status"]) for row in told]
    well = sum(text.startswith("Success") for text in said)
    value = f"{well} of {len(said)} checkers"
    if not said:
        why = "None of Route 53's checkers has asked this server yet."
        return [_finding("dns.health", subject, "unknown", value, why, "")]
    if well <= WELL_SHARE * len(said):
        ill = next(text for text in said if not text.startswith("Success"))
        why = f"Route 53 leads nobody to this server: {ill}."
        remedy = "See the machine's own findings: nginx has to answer /healthz on port 80."
        return [_finding("dns.health", subject, "fail", value, why, remedy, float(well))]
    return [_finding("dns.health", subject, "ok", value, "Route 53 leads visitors to this server.", "", float(well))]


def distribution(target: Target, identifier: str) -> list[Finding]:
    """CloudFront: whether it is enabled and every place knows its newest settings."""
    try:
        row = target.aws.client("cloudfront").get_distribution(Id=identifier)["Distribution"]
    except ClientError as error:
        if "NoSuch" in error.response["Error"]["Code"]:
            return [_finding("edge.status", identifier, "fail", "gone", "The distribution is not there.", _REPLAY)]
        raise unreachable(error) from error
    except BotoCoreError as error:
        raise unreachable(error) from error
    if not row["DistributionConfig"]["Enabled"]:
        why = "The distribution is disabled: nobody gets an answer through it."
        return [_finding("edge.status", identifier, "fail", "disabled", why, "Enable it in the CloudFront console.")]
    state = clean_line(row["Status"])
    if state != "Deployed":
        why = "Its places are still learning a change."
        return [_finding("edge.status", identifier, "warn", state, why, "Wait some minutes.")]
    return [_finding("edge.status", identifier, "ok", state, "Every place of the CDN knows its settings.", "")]


def mail_account(target: Target) -> list[Finding]:
    """SES: whether mail may be sent to everybody, and how much is left today."""
    try:
        account = target.aws.client("sesv2").get_account()
    except (ClientError, BotoCoreError) as error:
        raise unreachable(error) from error
    quota = account.get("SendQuota") or {}
    limit, sent = float(quota.get("Max24HourSend", 0)), float(quota.get("SentLast24Hours", 0))
    figures = f"{sent:.0f} of {limit:.0f} today"
    if not account.get("SendingEnabled", True):
        why = "SES has stopped sending for this account."
        return [_finding("mail.account", "SES", "fail", "stopped", why, "See the SES console's account dashboard.")]
    if not account.get("ProductionAccessEnabled"):
        why = "SES is in its sandbox: mail goes to verified addresses only."
        return [_finding("mail.account", "SES", "warn", figures, why, "Ask for production access in the SES console.")]
    full = limit > 0 and sent >= QUOTA_WARN * limit
    why = "Today's mail is nearly used up." if full else "SES sends to everybody."
    return [
        _finding("mail.account", "SES", "warn" if full else "ok", figures, why, "Ask SES for more." if full else "")
    ]


def mail_identity(target: Target, domain: str) -> list[Finding]:
    """SES: whether it has found the domain's DKIM records, without which it sends nothing for it."""
    try:
        row = target.aws.client("sesv2").get_email_identity(EmailIdentity=domain)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NotFoundException":
            why = "SES does not know the site's domain."
            return [_finding("mail.identity", domain, "fail", "gone", why, _REPLAY)]
        raise unreachable(error) from error
    except BotoCoreError as error:
        raise unreachable(error) from error
    dkim = clean_line(str((row.get("DkimAttributes") or {}).get("Status", "unknown")))
    if row.get("VerifiedForSendingStatus"):
        return [_finding("mail.identity", domain, "ok", f"DKIM {dkim}", "SES may send mail for the domain.", "")]
    why = "SES has not found the domain's DKIM records: it sends nothing for it."
    remedy = "Add the three CNAME records that the SES console shows for the domain."
    return [_finding("mail.identity", domain, "fail", f"DKIM {dkim}", why, remedy)]


def quotas(target: Target, limits: Sequence[Quota] = QUOTAS) -> list[Finding]:
    """How much of the account's limits is in use; a limit that AWS does not tell is left out."""
    findings = []
    for quota in limits:
        try:
            limit = limit_of(target.aws, quota)
            if limit is None:
                continue
            used = quota.used(target.aws)
        except (ClientError, BotoCoreError) as error:
            raise unreachable(error) from error
        full = used >= QUOTA_WARN * limit
        why = f"{used} of {limit} {quota.label} are in use."
        remedy = f"Ask for more: Service Quotas, {quota.service}, {quota.code}." if full else ""
        value = f"{used} of {limit}"
        name = f"quota.{quota.label.lower().replace(' ', '-')}"
        findings.append(_finding(name, "account", "warn" if full else "ok", value, why, remedy, float(used)))
    return findings


_REPLAY = "Run 'drucloud replay' with the deployment's profile: it makes again what has vanished."


def _finding(
    name: str, subject: str, status: Status, value: str, why: str, remedy: str, number: float | None = None
) -> Finding:
    return Finding(name, subject, status, value, "", why, remedy, time.time(), number)
