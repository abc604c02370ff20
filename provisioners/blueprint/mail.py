"""The site's own mail through Amazon SES: signed, aligned, and told when it comes back.

==============  ====================================================================================================
record          what for
==============  ====================================================================================================
3 × CNAME       DKIM: SES signs with keys that it publishes and rotates itself
MX, SPF (TXT)   of ``bounce.DOMAIN``, the MAIL FROM: bounces come back to SES, and SPF is aligned with the domain
DMARC (TXT)     what others do with mail that is neither; reports go to the alarm address
==============  ====================================================================================================

Sources: SES Developer Guide, "Easy DKIM", "Using a custom MAIL FROM domain", "Complying with DMARC".
"""

from __future__ import annotations

from typing import Any

from troposphere import iam, route53, ses, sns

from profiles.model import Profile
from provisioners.blueprint import names
from provisioners.blueprint.access import allow, policy
from provisioners.blueprint.alarm_topic import policy as topic_policy
from provisioners.blueprint.draft import Draft, GetAtt, Ref, Sub

_TTL = "1800"

SENDERS = ("Web", "Admin")
"""Whose roles may send: Drupal on the web servers, its cron on the admin node."""


def wanted(draft: Draft) -> bool:
    """Whether the site sends through SES: the choice, and a domain whose records drucloud may add."""
    return draft.profile.mail.kind == "ses" and names.wanted(draft)


def domain(profile: Profile) -> str:
    """What stands after the sender's @."""
    return profile.mail.domain or profile.site.domain.removeprefix("www.")


def bounce_domain(profile: Profile) -> str:
    """The MAIL FROM domain."""
    return f"bounce.{domain(profile)}"


def add(draft: Draft) -> None:
    """Add configuration set, identity, records, topic and permissions, if the site sends through SES."""
    if not wanted(draft):
        return
    _configuration_set(draft)
    _topic(draft)
    draft.add("mail", f"Mail of {domain(draft.profile)}", _identity(draft))
    for number in (1, 2, 3):
        _record(
            draft, f"MailKey{number}", f"Mail key {number}", GetAtt("MailIdentity", f"DkimDNSTokenName{number}"),
            "CNAME", GetAtt("MailIdentity", f"DkimDNSTokenValue{number}"),
        )  # fmt: skip
    back = bounce_domain(draft.profile)
    _record(draft, "MailBounceMx", "Way back for bounces", back, "MX",
            f"10 feedback-smtp.{draft.lookups.region}.amazonses.com")  # fmt: skip
    _record(draft, "MailSpf", "SPF record", back, "TXT", '"v=spf1 include:amazonses.com ~all"')
    if draft.profile.mail.dmarc != "keep":
        _record(draft, "MailDmarc", "DMARC record", f"_dmarc.{domain(draft.profile)}", "TXT", dmarc(draft.profile))
    for who in SENDERS:
        _permissions(draft, who)


def dmarc(profile: Profile) -> str:
    """The DMARC record's value, in quotes."""
    reports = f"; rua=mailto:{profile.monitoring.email}" if profile.monitoring.email else ""
    return f'"v=DMARC1; p={profile.mail.dmarc}{reports}"'


def _configuration_set(draft: Draft) -> None:
    configuration = ses.ConfigurationSet(
        "MailSettings",
        Name=draft.name(),
        DeliveryOptions=ses.DeliveryOptions(TlsPolicy="REQUIRE"),
        ReputationOptions=ses.ReputationOptions(ReputationMetricsEnabled=True),
        SendingOptions=ses.SendingOptions(SendingEnabled=True),
        SuppressionOptions=ses.SuppressionOptions(SuppressedReasons=["BOUNCE", "COMPLAINT"]),
    )
    draft.add("mail", "Mail settings", configuration)


def _topic(draft: Draft) -> None:
    email = draft.profile.monitoring.email
    subscription = {"Subscription": [sns.Subscription(Protocol="email", Endpoint=email)]} if email else {}
    draft.add("mail", "Bounces and complaints", sns.Topic("MailTopic", TopicName=draft.name("mail"), **subscription))
    draft.add("mail", "SES may report", topic_policy("MailTopic", ["ses.amazonaws.com"]))
    destination = ses.ConfigurationSetEventDestination(
        "MailReports",
        ConfigurationSetName=Ref("MailSettings"),
        EventDestination=ses.EventDestination(
            Name="reports",
            Enabled=True,
            MatchingEventTypes=["bounce", "complaint"],
            SnsDestination=ses.SnsDestination(TopicARN=Ref("MailTopic")),
        ),
        DependsOn="MailTopicPolicy",
    )
    draft.add("mail", "Reports of bounces", destination)


def _identity(draft: Draft) -> ses.EmailIdentity:
    return ses.EmailIdentity(
        "MailIdentity",
        EmailIdentity=domain(draft.profile),
        DkimSigningAttributes=ses.DkimSigningAttributes(NextSigningKeyLength="RSA_2048_BIT"),
        ConfigurationSetAttributes=ses.ConfigurationSetAttributes(ConfigurationSetName=Ref("MailSettings")),
        FeedbackAttributes=ses.FeedbackAttributes(EmailForwardingEnabled=False),  # the topic tells
        MailFromAttributes=ses.MailFromAttributes(
            MailFromDomain=bounce_domain(draft.profile),
            BehaviorOnMxFailure="USE_DEFAULT_VALUE",  # until its records are seen, SES's own
        ),
    )


def _record(draft: Draft, title: str, label: str, name: Any, kind: str, value: Any) -> None:
    record = route53.RecordSetType(
        title, HostedZoneId=draft.lookups.hosted_zone, Name=name, Type=kind, TTL=_TTL, ResourceRecords=[value]
    )
    draft.add("mail", label, record)


def _permissions(draft: Draft, who: str) -> None:
    """Sending, as the site's domain only."""
    arn = "arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:"
    statement = {
        **allow(
            ["ses:SendEmail", "ses:SendRawEmail"],
            Sub(arn + "identity/${MailIdentity}"),
            Sub(arn + "configuration-set/${MailSettings}"),
        ),
        "Condition": {"StringLike": {"ses:FromAddress": f"*@{domain(draft.profile)}"}},
    }
    permission = iam.RolePolicy(
        f"{who}MailPermissions", PolicyName="mail", RoleName=Ref(f"{who}Role"), PolicyDocument=policy(statement)
    )
    draft.add("mail", f"{who} may send mail", permission)
