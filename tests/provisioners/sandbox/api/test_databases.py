"""RDS: a machine stands in, the master user has a real secret, and AWS's refusals are ours."""

from __future__ import annotations

import json

import pytest

from tests.provisioners.sandbox.api.stack import refused, unique
from tests.provisioners.sandbox.api.waiting import until


@pytest.fixture
def rds(aws, stack):
    """The client, with subnet group ``main`` and parameter group ``tuned``."""
    rds = aws("rds")
    rds.create_db_subnet_group(
        DBSubnetGroupName="main",
        DBSubnetGroupDescription="-",
        SubnetIds=stack.subnets,
        Tags=[{"Key": "drucloud:resource", "Value": "Subnets"}],
    )
    rds.create_db_parameter_group(DBParameterGroupName="tuned", DBParameterGroupFamily="mariadb11.8", Description="-")
    yield rds
    for database in rds.describe_db_instances()["DBInstances"]:
        name = database["DBInstanceIdentifier"]
        if database["DBInstanceStatus"] != "deleting":
            rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    until(lambda: rds.describe_db_instances()["DBInstances"] == [])
    rds.delete_db_subnet_group(DBSubnetGroupName="main")
    rds.delete_db_parameter_group(DBParameterGroupName="tuned")


def create(rds, stack, **more):
    wanted = {
        "DBInstanceIdentifier": unique("db"),
        "DBInstanceClass": "db.t4g.micro",
        "Engine": "mariadb",
        "EngineVersion": "11.8.3",
        "AllocatedStorage": 20,
        "StorageType": "gp3",
        "DBName": "drupal",
        "MasterUsername": "drucloud",
        "ManageMasterUserPassword": True,
        "DBSubnetGroupName": "main",
        "DBParameterGroupName": "tuned",
        "VpcSecurityGroupIds": [stack.group],
        "Tags": [{"Key": "drucloud:resource", "Value": "Database"}],
        **more,
    }
    return rds.create_db_instance(**wanted)["DBInstance"]


def one(rds, name):
    return rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]


def test_the_life_of_a_database(rds, stack, sandbox, aws):
    made = create(rds, stack)
    name = made["DBInstanceIdentifier"]
    assert made["DBInstanceStatus"] == "creating"
    assert "Endpoint" not in made
    until(lambda: one(rds, name)["DBInstanceStatus"] == "available", 20)
    stands = one(rds, name)
    assert stands["Endpoint"]["Port"] == 3306
    assert stands["Endpoint"]["Address"].startswith(f"{name}.")
    assert {"Key": "drucloud:resource", "Value": "Database"} in stands["TagList"]
    assert sandbox.status()["machines"][f"db-{name}"] == "running"
    secret = aws("secretsmanager").get_secret_value(SecretId=stands["MasterUserSecret"]["SecretArn"])
    held = json.loads(secret["SecretString"])
    assert held["username"] == "drucloud"
    assert len(held["password"]) == 28
    with refused("InvalidDBSubnetGroupStateFault"):
        rds.delete_db_subnet_group(DBSubnetGroupName="main")
    with refused("InvalidDBParameterGroupState"):
        rds.delete_db_parameter_group(DBParameterGroupName="tuned")
    with refused("DependencyViolation"):
        stack.ec2.delete_security_group(GroupId=stack.group)
    with refused("DBInstanceAlreadyExists"):
        create(rds, stack, DBInstanceIdentifier=name)
    with refused("InvalidParameterCombination"):
        rds.delete_db_instance(DBInstanceIdentifier=name)
    rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    assert one(rds, name)["DBInstanceStatus"] == "deleting"
    with refused("InvalidDBInstanceState"):
        rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    until(lambda: rds.describe_db_instances()["DBInstances"] == [])
    with refused("DBInstanceNotFound"):
        one(rds, name)
    assert f"db-{name}" not in sandbox.status()["machines"]


def test_two_masters_have_two_passwords(rds, stack, aws):
    arns = [create(rds, stack)["MasterUserSecret"]["SecretArn"] for _ in range(2)]
    passwords = {aws("secretsmanager").get_secret_value(SecretId=arn)["SecretString"] for arn in arns}
    assert len(passwords) == 2


def test_a_protected_database_stays(rds, stack):
    name = create(rds, stack, DeletionProtection=True)["DBInstanceIdentifier"]
    with refused("InvalidParameterCombination", "protected"):
        rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    rds.modify_db_instance(DBInstanceIdentifier=name, DeletionProtection=False, ApplyImmediately=True)


def test_a_final_snapshot_stays_behind(rds, stack, sandbox):
    name = create(rds, stack)["DBInstanceIdentifier"]
    rds.delete_db_instance(DBInstanceIdentifier=name, FinalDBSnapshotIdentifier="last")
    until(lambda: rds.describe_db_instances()["DBInstances"] == [])
    assert sandbox.census()["AWS::RDS::DBSnapshot"] == ["last"]
    rds.delete_db_snapshot(DBSnapshotIdentifier="last")


def test_what_create_refuses(rds, stack):
    with refused("InvalidParameterValue", "class"):
        create(rds, stack, DBInstanceClass="db.t9.huge")
    with refused("InvalidParameterCombination", "Cannot find version"):
        create(rds, stack, EngineVersion="5.5.1")
    with refused("InvalidParameterValue", "storage size"):
        create(rds, stack, AllocatedStorage=5)
    with refused("DBSubnetGroupNotFoundFault"):
        create(rds, stack, DBSubnetGroupName="nobody")
    with refused("DBParameterGroupNotFound"):
        create(rds, stack, DBParameterGroupName="nobody")
    with refused("InvalidParameterCombination", "DBParameterGroupFamily"):
        create(rds, stack, EngineVersion="10.11.14")
    with refused("InvalidParameterValue", "security group"):
        create(rds, stack, VpcSecurityGroupIds=["sg-0123456789abcdef0"])
    other = stack.ec2.create_vpc(CidrBlock="127.43.0.0/16")["Vpc"]["VpcId"]
    group = stack.ec2.create_security_group(GroupName="other", Description="-", VpcId=other)["GroupId"]
    with refused("InvalidParameterCombination", "different VPCs"):
        create(rds, stack, VpcSecurityGroupIds=[group])
    stack.ec2.delete_security_group(GroupId=group)
    stack.ec2.delete_vpc(VpcId=other)
    assert rds.describe_db_instances()["DBInstances"] == []


def test_what_groups_refuse(rds, stack):
    def subnets(name, ids):
        rds.create_db_subnet_group(DBSubnetGroupName=name, DBSubnetGroupDescription="-", SubnetIds=ids)

    with refused("DBSubnetGroupDoesNotCoverEnoughAZs"):
        subnets("one", stack.subnets[:1])
    with refused("InvalidSubnet"):
        subnets("none", [*stack.subnets, "subnet-0123456789abcdef0"])
    with refused("DBSubnetGroupAlreadyExists"):
        subnets("main", stack.subnets)
    with refused("InvalidParameterValue", "family"):
        rds.create_db_parameter_group(DBParameterGroupName="x", DBParameterGroupFamily="mariadb5.5", Description="-")


def test_offers(aws):
    rds = aws("rds")
    versions = rds.describe_db_engine_versions(Engine="mariadb")["DBEngineVersions"]
    assert {version["DBParameterGroupFamily"] for version in versions} == {
        "mariadb10.11",
        "mariadb11.4",
        "mariadb11.8",
    }
    assert rds.describe_db_engine_versions(Engine="mariadb", EngineVersion="9.9")["DBEngineVersions"] == []
    orderable = rds.describe_orderable_db_instance_options(
        Engine="mariadb", EngineVersion="11.8.3", DBInstanceClass="db.t4g.micro"
    )["OrderableDBInstanceOptions"]
    assert [(option["DBInstanceClass"], option["MinStorageSize"]) for option in orderable] == [("db.t4g.micro", 20)]


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (("query_cash_size", "0", "pending-reboot"), "InvalidParameterValue", "Could not find parameter with name: qu"),
        (("tx_isolation", "READ-COMMITTED", "pending-reboot"), "InvalidParameterValue", "Could not find parameter"),
        (("basedir", "/tmp", "pending-reboot"), "InvalidParameterValue", "basedir cannot be modified"),
        (("innodb_log_buffer_size", "33554432", "immediate"), "InvalidParameterCombination", "immediate apply method"),
    ],
)
def test_parameters_that_rds_does_not_take(rds, change, code, words):
    row = dict(zip(("ParameterName", "ParameterValue", "ApplyMethod"), change, strict=True))
    with refused(code, words):
        rds.modify_db_parameter_group(DBParameterGroupName="tuned", Parameters=[row])


def test_parameters_are_told_with_their_values_and_given_back(rds):
    def told():
        rows = rds.describe_db_parameters(DBParameterGroupName="tuned")["Parameters"]
        return {row["ParameterName"]: (row["Source"], row["ApplyType"], row.get("ParameterValue")) for row in rows}

    row = {"ParameterName": "wait_timeout", "ParameterValue": "300", "ApplyMethod": "immediate"}
    rds.modify_db_parameter_group(DBParameterGroupName="tuned", Parameters=[row])
    assert told()["wait_timeout"] == ("user", "dynamic", "300")
    rds.reset_db_parameter_group(DBParameterGroupName="tuned", Parameters=[row])
    assert told()["wait_timeout"] == ("engine-default", "dynamic", None)
    assert told()["innodb_log_buffer_size"][1] == "static"


def test_families_have_their_own_parameters(rds):
    def names(family):
        answer = rds.describe_engine_default_parameters(DBParameterGroupFamily=family)
        return {row["ParameterName"] for row in answer["EngineDefaults"]["Parameters"]}

    assert {"tx_isolation", "query_cache_type"} <= names("mariadb10.11")
    assert "tx_isolation" not in names("mariadb11.8")
    assert not {"query_cache_type", "tx_isolation"} & names("mysql8.4")
    with refused("InvalidParameterValue", "mariadb5.5 is not a valid"):
        rds.describe_engine_default_parameters(DBParameterGroupFamily="mariadb5.5")
