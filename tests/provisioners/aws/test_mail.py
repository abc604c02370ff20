"""The site's mail from plan to the first proof, and what the account says before."""

from __future__ import annotations

from profiles import store
from profiles.model import Profile
from provisioners.aws import mail_state
from provisioners.engine.deployment import Deployment
from provisioners.engine.operations import prepare_destroy
from provisioners.sandbox import client

from . import lifecycle_mail
from .stack import Stack
from .test_presets import carry_out, review_of

ANSWERS = {"mail.kind": "ses", "names.dns": "route53", "monitoring.email": "ops@post.test"}


def profile(domain: str) -> Profile:
    return store.apply(store.load(store.resolve("starter")), {**ANSWERS, "site.domain": domain})


def zone_of(sandbox: client.Sandbox, name: str) -> str:
    route53 = sandbox.target("us-east-1").aws.client("route53")
    zone = route53.create_hosted_zone(Name=name, CallerReference=name)["HostedZone"]["Id"]
    return str(zone).removeprefix("/hostedzone/")


def test_mail_is_proven_when_it_stands_and_leaves_nothing(sandbox: client.Sandbox) -> None:
    zone = zone_of(sandbox, "post.test")
    wish = profile("www.post.test")
    target = sandbox.target(wish.aws.region)
    review = review_of(wish, target)
    said = [finding for finding in review.findings if "SES is in its sandbox" in finding["what"]]
    assert [finding["status"] for finding in said] == ["warn"] and "production access" in said[0]["do"]
    assert carry_out(review, "create", target) == "ok"
    assert mail_state.verified(target.aws, wish)["status"] == "ok"
    told = target.aws.client("sesv2").get_email_identity(EmailIdentity="post.test")
    assert told["MailFromAttributes"]["MailFromDomain"] == "bounce.post.test"
    assert told["ConfigurationSetName"] == "drucloud-starter"
    rows = target.aws.client("route53").list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    values = {(row["Name"], row["Type"]): row["ResourceRecords"][0]["Value"] for row in rows if "TTL" in row}
    assert values["_dmarc.post.test.", "TXT"] == '"v=DMARC1; p=none; rua=mailto:ops@post.test"'
    assert values["bounce.post.test.", "TXT"] == '"v=spf1 include:amazonses.com ~all"'
    again = review_of(wish, target)
    assert again.plan.changes_nothing
    assert carry_out(prepare_destroy(Deployment(target.deployment(wish.name)), target), "destroy", target) == "ok"
    assert sandbox.census() == {}
    left = target.aws.client("route53").list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    assert {row["Type"] for row in left} == {"NS", "SOA"}


def test_what_stands_in_the_way_of_mail_is_said_before(stack: Stack, sandbox: client.Sandbox) -> None:
    zone = zone_of(sandbox, "own.test")
    values = [{"Value": '"v=DMARC1; p=reject"'}]
    theirs = {"Name": "_dmarc.own.test", "Type": "TXT", "TTL": 60, "ResourceRecords": values}
    change = {"Action": "CREATE", "ResourceRecordSet": theirs}
    stack.aws.client("route53").change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [change]})
    properties = {**lifecycle_mail.identity(stack), "EmailIdentity": "own.test"}
    properties["MailFromAttributes"] = {"MailFromDomain": "bounce.own.test"}
    stack.make("Theirs", "AWS::SES::EmailIdentity", **properties)
    found = list(mail_state.findings(stack.aws, profile("own.test"), zone, standing=False))
    failed = [finding["do"] for finding in found if finding["status"] == "fail"]
    assert any("mail.dmarc=keep" in words for words in failed)
    assert any("mail.kind=none" in words for words in failed)
    other = profile("own.test")
    other = other.model_copy(update={"mail": other.mail.model_copy(update={"domain": "elsewhere.test"})})
    words = [finding["what"] for finding in mail_state.findings(stack.aws, other, zone, standing=False)]
    assert any("cannot hold records of elsewhere.test" in what for what in words)
    (only,) = mail_state.findings(stack.aws, profile("own.test"), "", standing=False)
    assert only["status"] == "warn" and "no effect" in only["what"]
