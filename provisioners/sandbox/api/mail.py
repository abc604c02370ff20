"""SES version 2: what moto lacks, and an account that is in SES's sandbox like every new one.

DKIM and MAIL FROM are proven when their records stand in a zone of this account, not before.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from botocore import xform_name
from moto.route53.models import route53_backends
from moto.sesv2 import urls
from moto.sesv2.models import SESV2Backend
from moto.sesv2.responses import SESV2Response
from moto.sns.models import sns_backends

from provisioners.sandbox.api.extend import Call, Refused, around, before
from provisioners.sandbox.api.names import known
from provisioners.sandbox.api.world import ACCOUNT, PARTITION, World

_KEYS = 3
_ZONE = "dkim.amazonses.com"
_NOT_FOUND = "NotFoundException"


for _path in (
    "account",
    "configuration-sets/(?P<name>[^/]+)/(?P<what>[^/]+)",
    "configuration-sets/(?P<name>[^/]+)/event-destinations/(?P<destination>[^/]+)",
    "identities/(?P<identity>[^/]+)/(?P<what>[^/]+)",
):
    urls.url_paths["{0}/v2/email/" + _path + "$"] = SESV2Response.dispatch


def _identity(response: Any) -> Any:
    found = response.sesv2_backend.core_backend.email_identities.get(response._get_param("EmailIdentity"))
    if found is None:
        raise Refused(_NOT_FOUND, "Email identity does not exist.")
    return found


def _set(response: Any) -> Any:
    name = response._get_param("ConfigurationSetName")
    found = response.sesv2_backend.core_backend.config_sets.get(name)
    if found is None:
        raise Refused(_NOT_FOUND, f"Configuration set <{name}> does not exist.")
    if not hasattr(found, "drucloud_destinations"):
        found.drucloud_destinations = {}
    return found


@before("sesv2", "CreateEmailIdentity")
def _new_identity(_: World, call: Call) -> None:
    name = str(call.get("EmailIdentity"))
    if name in call.response.sesv2_backend.core_backend.email_identities:
        raise Refused("AlreadyExistsException", f"Email identity {name} already exist.")


@before("sesv2", "CreateConfigurationSet")
def _new_set(_: World, call: Call) -> None:
    name = str(call.get("ConfigurationSetName"))
    if name in call.response.sesv2_backend.core_backend.config_sets:
        raise Refused("AlreadyExistsException", f"Configuration set <{name}> already exist.")


@around(SESV2Backend, "create_email_identity")
def _create(_: World, original: Callable[..., Any], backend: Any, **kwargs: Any) -> Any:
    """Moto calls every key proven at once."""
    identity = original(**kwargs)
    digests = [hashlib.sha256(f"{identity.email_identity}/{number}".encode()) for number in range(_KEYS)]
    tokens = [digest.hexdigest()[:32] for digest in digests]
    identity.dkim_attributes |= {"Tokens": tokens, "SigningHostedZone": _ZONE, "Status": "PENDING"}
    identity.drucloud_mail_from = {}
    return identity


@around(SESV2Response, "get_email_identity")
def _get(_: World, original: Callable[..., Any], response: Any) -> str:
    identity = _identity(response)
    zones = route53_backends[ACCOUNT][PARTITION].zones.values()
    seen = {record for zone in zones for record in known(zone)}
    keys = {(f"{token}._domainkey.{identity.email_identity}", "CNAME") for token in identity.dkim_attributes["Tokens"]}
    identity.dkim_attributes["Status"] = "SUCCESS" if keys <= seen else "PENDING"
    identity.verified_for_sending_status = keys <= seen
    told = {**identity.get_response_object, "VerificationStatus": identity.dkim_attributes["Status"]}
    if sender := identity.drucloud_mail_from:
        proven = {(sender["MailFromDomain"], "MX"), (sender["MailFromDomain"], "TXT")} <= seen
        told["MailFromAttributes"] = {**sender, "MailFromDomainStatus": "SUCCESS" if proven else "PENDING"}
    return json.dumps(told)


@around(SESV2Response, "delete_email_identity")
def _delete(_: World, original: Callable[..., Any], response: Any) -> Any:
    _identity(response)
    return original()


@around(SESV2Response, "put_email_identity_mail_from_attributes")
def _mail_from(_: World, original: None, response: Any) -> str:
    identity, sender = _identity(response), str(response._get_param("MailFromDomain"))
    if not sender.endswith(f".{identity.email_identity}"):
        raise Refused("BadRequestException", f"Provided MAIL-FROM domain <{sender}> is not subdomain of the identity.")
    behavior = response._get_param("BehaviorOnMxFailure") or "USE_DEFAULT_VALUE"
    identity.drucloud_mail_from = {"MailFromDomain": sender, "BehaviorOnMxFailure": behavior}
    return "{}"


@around(SESV2Response, "put_email_identity_configuration_set_attributes")
def _default_set(_: World, original: None, response: Any) -> str:
    _set(response)
    _identity(response).configuration_set_name = response._get_param("ConfigurationSetName")
    return "{}"


@around(SESV2Response, "put_email_identity_feedback_attributes")
def _feedback(_: World, original: None, response: Any) -> str:
    _identity(response).feedback_forwarding_status = bool(response._get_param("EmailForwardingEnabled"))
    return "{}"


@around(SESV2Response, "delete_configuration_set")
def _delete_set(_: World, original: Callable[..., Any], response: Any) -> Any:
    _set(response)
    return original()


def _put_options(name: str) -> Callable[[World, None, Any], str]:
    """The call that sets one group of a configuration set's options."""

    def put(_: World, original: None, response: Any) -> str:
        wish = {key: value for key, value in response._get_params().items() if key != "ConfigurationSetName"}
        setattr(_set(response), xform_name(name), wish)
        return "{}"

    return put


for _name in ("DeliveryOptions", "ReputationOptions", "SuppressionOptions"):
    around(SESV2Response, xform_name(f"PutConfigurationSet{_name}"))(_put_options(_name))


@around(SESV2Response, "create_configuration_set_event_destination")
def _create_destination(_: World, original: None, response: Any) -> str:
    name = response._get_param("EventDestinationName")
    if name in _set(response).drucloud_destinations:
        raise Refused("AlreadyExistsException", f"Event destination <{name}> already exists.")
    return _put_destination(response)


@around(SESV2Response, "update_configuration_set_event_destination")
def _update_destination(_: World, original: None, response: Any) -> str:
    _require_destination(response)
    return _put_destination(response)


def _put_destination(response: Any) -> str:
    wish = response._get_param("EventDestination")
    arn = str(wish["SnsDestination"]["TopicArn"])
    topic = sns_backends[ACCOUNT][arn.split(":")[3]].topics.get(arn)
    if topic is None or "ses.amazonaws.com" not in str(topic.policy):
        raise Refused("BadRequestException", f"Could not publish to the SNS topic <{arn}>.")
    _set(response).drucloud_destinations[response._get_param("EventDestinationName")] = wish
    return "{}"


def _require_destination(response: Any) -> None:
    if response._get_param("EventDestinationName") not in _set(response).drucloud_destinations:
        raise Refused(_NOT_FOUND, "Event destination does not exist.")


@around(SESV2Response, "get_configuration_set_event_destinations")
def _destinations(_: World, original: None, response: Any) -> str:
    held = _set(response).drucloud_destinations
    return json.dumps({"EventDestinations": [{"Name": name, **wish} for name, wish in held.items()]})


@around(SESV2Response, "delete_configuration_set_event_destination")
def _delete_destination(_: World, original: None, response: Any) -> str:
    _require_destination(response)
    del _set(response).drucloud_destinations[response._get_param("EventDestinationName")]
    return "{}"


@around(SESV2Response, "get_account")
def _account(_: World, original: None, response: Any) -> str:
    quota = {"Max24HourSend": 200.0, "MaxSendRate": 1.0, "SentLast24Hours": 0.0}
    return json.dumps(
        {"ProductionAccessEnabled": False, "SendingEnabled": True, "EnforcementStatus": "HEALTHY", "SendQuota": quota}
    )
