"""Amazon SES: the identity that sends, its settings, and where its reports go."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from botocore import xform_name
from botocore.exceptions import ClientError

from provisioners.aws.errors import classify
from provisioners.aws.permissions import on
from provisioners.aws.requests import arguments
from provisioners.aws.resource import ABSENT, Kind, NamedKind
from provisioners.aws.session import Aws
from provisioners.aws.tagging import as_dict, as_list
from provisioners.engine.kinds import Observed, Wanted

_SERVICE = "sesv2"


def _unless_gone(call: Callable[..., Any], **values: Any) -> dict[str, Any] | None:
    try:
        answer: dict[str, Any] = call(**values)
    except ClientError as error:
        if classify(error) == "gone":
            return None
        raise
    return answer


_IDENTITIES = ("arn:{partition}:ses:{region}:{account}:identity/*",)
_SETS = ("arn:{partition}:ses:{region}:{account}:configuration-set/drucloud-{name}",)


class EmailIdentity(NamedKind):
    """``AWS::SES::EmailIdentity`` of a domain; identity is the domain.

    Ready as soon as SES knows it: it is verified when its DKIM records are seen, and those need its tokens first.
    """

    type = "AWS::SES::EmailIdentity"
    name_property, name_limit, lower_case = "EmailIdentity", 255, True
    mutable = frozenset({"ConfigurationSetAttributes", "FeedbackAttributes", "MailFromAttributes"})
    _calls: ClassVar[Mapping[str, str]] = {
        "ConfigurationSetAttributes": "PutEmailIdentityConfigurationSetAttributes",
        "FeedbackAttributes": "PutEmailIdentityFeedbackAttributes",
        "MailFromAttributes": "PutEmailIdentityMailFromAttributes",
    }
    needs = (
        *on(_IDENTITIES, "deploy", "ses:CreateEmailIdentity"),
        *on(_IDENTITIES, "deploy", "ses:TagResource", beside="ses:CreateEmailIdentity"),
        *on(
            _IDENTITIES,
            "deploy",
            "ses:PutEmailIdentityConfigurationSetAttributes",
            "ses:PutEmailIdentityFeedbackAttributes",
            "ses:PutEmailIdentityMailFromAttributes",
        ),
        *on(_IDENTITIES, "read", "ses:GetEmailIdentity"),
        *on(
            _IDENTITIES,
            "change",
            "ses:PutEmailIdentityConfigurationSetAttributes",
            "ses:PutEmailIdentityFeedbackAttributes",
            "ses:PutEmailIdentityMailFromAttributes",
        ),
        *on(_IDENTITIES, "destroy", "ses:DeleteEmailIdentity"),
    )

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Create it with its signing key and tags."""
        client = aws.client(_SERVICE, creating=True)
        values = arguments(client, "CreateEmailIdentity", wanted.properties, without=self.mutable | {"Tags"})
        client.create_email_identity(**values, Tags=as_list(wanted))
        return self.name(wanted)

    def settle(self, aws: Aws, identity: str, wanted: Wanted) -> None:
        """One call a setting; SES takes the same again without complaint."""
        self.change(aws, identity, wanted, self.mutable & set(wanted.properties))

    def change(self, aws: Aws, identity: str, wanted: Wanted, changed: frozenset[str]) -> None:
        """One call a setting."""
        client = aws.client(_SERVICE)
        for name in sorted(changed):
            operation = self._calls[name]
            values = arguments(client, operation, wanted.properties.get(name, {}))
            _put(client, operation, EmailIdentity=identity, **values)

    def look_up(self, aws: Aws, name: str) -> str | None:
        """The domain, when SES knows it."""
        return name if self._row(aws, name) else None

    def _row(self, aws: Aws, identity: str) -> dict[str, Any] | None:
        return _unless_gone(aws.client(_SERVICE).get_email_identity, EmailIdentity=identity)

    def tags(self, aws: Aws, identity: str) -> Mapping[str, str]:
        """Told with the description."""
        return as_dict((self._row(aws, identity) or {}).get("Tags") or ())

    def observe(self, aws: Aws, identities: Sequence[str]) -> Mapping[str, Observed]:
        """One call each."""
        rows = {one: self._row(aws, one) for one in identities}
        return {one: Observed("ready", {"Ref": one, **_tokens(one, row)}) if row else ABSENT
                for one, row in rows.items()}  # fmt: skip

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Delete it."""
        aws.client(_SERVICE).delete_email_identity(EmailIdentity=identity)


def _tokens(domain: str, row: Mapping[str, Any]) -> dict[str, str]:
    """Names and values of the DKIM records; the zone of the values is the region's own and told by SES."""
    dkim = row["DkimAttributes"]
    zone = dkim.get("SigningHostedZone") or "dkim.amazonses.com"
    found: dict[str, str] = {}
    for number, token in enumerate(dkim.get("Tokens", ()), start=1):
        found[f"DkimDNSTokenName{number}"] = f"{token}._domainkey.{domain}"
        found[f"DkimDNSTokenValue{number}"] = f"{token}.{zone}"
    return found


def _put(client: Any, operation: str, **values: Any) -> None:
    getattr(client, xform_name(operation))(**values)


class ConfigurationSet(NamedKind):
    """``AWS::SES::ConfigurationSet``; identity is its name."""

    type = "AWS::SES::ConfigurationSet"
    name_property, name_limit = "Name", 64
    mutable = frozenset({"DeliveryOptions", "ReputationOptions", "SendingOptions", "SuppressionOptions"})
    needs = (
        *on(_SETS, "deploy", "ses:CreateConfigurationSet"),
        *on(_SETS, "deploy", "ses:TagResource", beside="ses:CreateConfigurationSet"),
        *on(_SETS, "read", "ses:GetConfigurationSet"),
        *on(
            _SETS,
            "change",
            "ses:PutConfigurationSetDeliveryOptions",
            "ses:PutConfigurationSetReputationOptions",
            "ses:PutConfigurationSetSendingOptions",
            "ses:PutConfigurationSetSuppressionOptions",
        ),
        *on(_SETS, "destroy", "ses:DeleteConfigurationSet"),
    )

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Create it with its settings and tags."""
        client = aws.client(_SERVICE, creating=True)
        values = arguments(
            client,
            "CreateConfigurationSet",
            {**wanted.properties, "Name": self.name(wanted)},
            renamed={"Name": "ConfigurationSetName"},
            without=frozenset({"Tags"}),
        )
        client.create_configuration_set(**values, Tags=as_list(wanted))
        return self.name(wanted)

    def change(self, aws: Aws, identity: str, wanted: Wanted, changed: frozenset[str]) -> None:
        """One call a setting."""
        client = aws.client(_SERVICE)
        for name in sorted(changed):
            operation = f"PutConfigurationSet{name}"
            values = arguments(client, operation, wanted.properties.get(name, {}))
            _put(client, operation, ConfigurationSetName=identity, **values)

    def _row(self, aws: Aws, name: str) -> dict[str, Any] | None:
        return _unless_gone(aws.client(_SERVICE).get_configuration_set, ConfigurationSetName=name)

    def look_up(self, aws: Aws, name: str) -> str | None:
        """Its name, when there is one."""
        return name if self._row(aws, name) else None

    def tags(self, aws: Aws, identity: str) -> Mapping[str, str]:
        """Told with the description."""
        return as_dict((self._row(aws, identity) or {}).get("Tags") or ())

    def observe(self, aws: Aws, identities: Sequence[str]) -> Mapping[str, Observed]:
        """One call each; it has no states."""
        return {one: Observed("ready", {"Ref": one}) if self._row(aws, one) else ABSENT for one in identities}

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Delete it with its event destinations."""
        aws.client(_SERVICE).delete_configuration_set(ConfigurationSetName=identity)


class EventDestination(Kind):
    """``AWS::SES::ConfigurationSetEventDestination``; identity is ``set|name``, one of a kind in its set."""

    type = "AWS::SES::ConfigurationSetEventDestination"
    mutable = frozenset({"EventDestination"})
    needs = (
        *on(_SETS, "deploy", "ses:CreateConfigurationSetEventDestination"),
        *on(_SETS, "read", "ses:GetConfigurationSetEventDestinations"),
        *on(_SETS, "change", "ses:UpdateConfigurationSetEventDestination"),
        *on(_SETS, "destroy", "ses:DeleteConfigurationSetEventDestination"),
    )

    def make(self, aws: Aws, wanted: Wanted) -> str:
        """Create it."""
        aws.client(_SERVICE, creating=True).create_configuration_set_event_destination(**_destination(wanted))
        return _destination_id(wanted)

    def find(self, aws: Aws, wanted: Wanted) -> str | None:
        """By set and name: the set is ours."""
        identity = _destination_id(wanted)
        return identity if self._there(aws, identity) else None

    def _there(self, aws: Aws, identity: str) -> bool:
        where, name = identity.split("|")
        told = _unless_gone(aws.client(_SERVICE).get_configuration_set_event_destinations, ConfigurationSetName=where)
        return any(row["Name"] == name for row in (told or {}).get("EventDestinations", ()))

    def observe(self, aws: Aws, identities: Sequence[str]) -> Mapping[str, Observed]:
        """One call each."""
        return {one: Observed("ready", {"Ref": one}) if self._there(aws, one) else ABSENT for one in identities}

    def change(self, aws: Aws, identity: str, wanted: Wanted, changed: frozenset[str]) -> None:
        """All of it."""
        aws.client(_SERVICE).update_configuration_set_event_destination(**_destination(wanted))

    def remove(self, aws: Aws, identity: str, properties: Mapping[str, Any], policy: str) -> None:
        """Delete it."""
        where, name = identity.split("|")
        aws.client(_SERVICE).delete_configuration_set_event_destination(
            ConfigurationSetName=where, EventDestinationName=name
        )


def _destination_id(wanted: Wanted) -> str:
    return f"{wanted.properties['ConfigurationSetName']}|{wanted.properties['EventDestination']['Name']}"


def _destination(wanted: Wanted) -> dict[str, Any]:
    """CloudFormation's words in the API's: event types in capitals, ``TopicArn``, the name beside the rest."""
    wish = wanted.properties["EventDestination"]
    return {
        "ConfigurationSetName": str(wanted.properties["ConfigurationSetName"]),
        "EventDestinationName": str(wish["Name"]),
        "EventDestination": {
            "Enabled": str(wish["Enabled"]).lower() == "true",
            "MatchingEventTypes": [str(one).upper() for one in wish["MatchingEventTypes"]],
            "SnsDestination": {"TopicArn": str(wish["SnsDestination"]["TopicARN"])},
        },
    }
