"""References, resolved as CloudFormation would."""

import pytest

from provisioners.engine.resolve import Resolver, UnresolvedError
from tests.provisioners.engine.lab import ID

KNOWN = {"Web": {"Ref": "i-1", "PrivateIp": "10.0.0.4", "Nodes": ["a:1", "b:1"], "Sub.Name": "deep"}}


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ({"Ref": "Web"}, "i-1"),
        ({"Fn::GetAtt": ["Web", "PrivateIp"]}, "10.0.0.4"),
        ({"Fn::GetAtt": "Web.Sub.Name"}, "deep"),
        ({"Fn::GetAtt": ["Web", "Nodes"]}, ["a:1", "b:1"]),
        ({"Fn::Sub": "${Web}@${Web.PrivateIp} ${!Literal} ${AWS::Region}"}, "i-1@10.0.0.4 ${Literal} us-east-1"),
        ({"Fn::Sub": ["${Own}-${Web}", {"Own": {"Ref": "AWS::AccountId"}}]}, "123456789012-i-1"),
        ({"Fn::Join": [",", ["x", {"Ref": "Web"}, 3]]}, "x,i-1,3"),
        ({"Fn::Join": [",", {"Fn::GetAtt": ["Web", "Nodes"]}]}, "a:1,b:1"),
        ({"Fn::Select": ["1", {"Fn::GetAtt": ["Web", "Nodes"]}]}, "b:1"),
        ({"Fn::Base64": {"Ref": "Web"}}, "aS0x"),
        ({"Drucloud::File": "deploy_key"}, {"Drucloud::File": "deploy_key"}),
        ([{"deep": [{"Ref": "Web"}]}, {"Ref": "AWS::NoValue"}], [{"deep": ["i-1"]}]),
    ],
)
def test_functions(value, result):
    assert Resolver(ID, KNOWN).properties({"It": value}) == {"It": result}


def test_no_value_takes_the_property_away():
    assert Resolver(ID, KNOWN).properties({"It": {"Ref": "AWS::NoValue"}, "In": {"x": {"Ref": "AWS::NoValue"}}}) == {
        "In": {}
    }


@pytest.mark.parametrize("value", [{"Ref": "Db"}, {"Fn::GetAtt": ["Web", "Colour"]}, {"Fn::ImportValue": "x"}])
def test_what_is_not_known_is_said(value):
    with pytest.raises(UnresolvedError):
        Resolver(ID, KNOWN).properties({"It": value})
