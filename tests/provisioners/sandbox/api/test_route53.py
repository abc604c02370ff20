"""Route 53: what AWS refuses and moto takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.provisioners.sandbox.api.stack import refused, unique

ASKED = {"Type": "HTTP", "IPAddress": "198.18.0.1", "Port": 80, "ResourcePath": "/", "FailureThreshold": 3}


@pytest.fixture
def route53(aws: Callable[[str], Any]) -> Any:
    return aws("route53")


def test_a_caller_reference_is_good_for_one_check_and_never_again(route53: Any) -> None:
    reference = unique("check")
    made = route53.create_health_check(CallerReference=reference, HealthCheckConfig=ASKED)["HealthCheck"]["Id"]
    again = route53.create_health_check(CallerReference=reference, HealthCheckConfig=ASKED)["HealthCheck"]["Id"]
    assert again == made
    with refused("HealthCheckAlreadyExists"):
        route53.create_health_check(CallerReference=reference, HealthCheckConfig={**ASKED, "Port": 81})
    assert route53.get_health_check_status(HealthCheckId=made)["HealthCheckObservations"] == []
    route53.delete_health_check(HealthCheckId=made)
    with refused("HealthCheckAlreadyExists"):
        route53.create_health_check(CallerReference=reference, HealthCheckConfig=ASKED)
    with refused("NoSuchHealthCheck"):
        route53.delete_health_check(HealthCheckId=made)
    with refused("NoSuchHealthCheck"):
        route53.get_health_check_status(HealthCheckId=made)


@pytest.mark.parametrize(
    "wrong", [{"IPAddress": "10.0.0.1"}, {"FailureThreshold": 11}, {"RequestInterval": 20}], ids=str
)
def test_a_check_that_cannot_be_is_refused(route53: Any, wrong: dict[str, Any]) -> None:
    with refused("InvalidInput"):
        route53.create_health_check(CallerReference=unique("check"), HealthCheckConfig={**ASKED, **wrong})


def test_a_name_has_one_simple_record_or_several_of_one_policy(route53: Any) -> None:
    name = f"{unique('zone')}.test"
    zone = route53.create_hosted_zone(Name=name, CallerReference=name)["HostedZone"]["Id"]

    def create(**more: Any) -> None:
        record = {"Name": name, "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}], **more}
        changes = [{"Action": "CREATE", "ResourceRecordSet": record}]
        route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})

    with refused("InvalidInput"):
        create(MultiValueAnswer=True)
    with refused("InvalidInput"):
        create(SetIdentifier="a")
    with refused("InvalidChangeBatch", "No health check found"):
        create(SetIdentifier="a", MultiValueAnswer=True, HealthCheckId="00000000-0000-0000-0000-000000000000")
    create(SetIdentifier="a", MultiValueAnswer=True)
    create(SetIdentifier="b", MultiValueAnswer=True)
    with refused("InvalidChangeBatch", "already exists"):
        create(SetIdentifier="b", MultiValueAnswer=True)
    with refused("InvalidChangeBatch", "other RRSets exist"):
        create()
