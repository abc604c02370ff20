"""What the review says of security is what the blueprint has."""

import json

import pytest

from profiles import store
from profiles.model import Profile
from provisioners.blueprint.build import build
from provisioners.blueprint.placeholders import placeholder_lookups
from provisioners.blueprint.security_words import security_words


def template(profile: Profile, target: str = "aws") -> dict:
    return json.loads(build(profile, placeholder_lookups(profile, target)).to_json())


@pytest.mark.parametrize("name", store.presets())
def test_every_preset_is_put_into_words(name: str) -> None:
    words = " ".join(security_words(template(store.load(store.resolve(name)))))
    assert ("Open to the Internet: port 80" in words) != ("CloudFront alone reaches the load balancer." in words)
    assert "port 22" not in words and "and 22" not in words
    assert "Every disk and the database are encrypted." in words
    assert "reached from inside the network only, 7 days of backups, destroy leaves a final snapshot" in words
    assert "(IMDSv2)" in words and "generated secrets" in words and "Bucket: private" in words


def test_what_is_not_so_is_said() -> None:
    found = template(Profile(), "sandbox")
    for body in found["Resources"].values():
        if body["Type"] == "AWS::RDS::DBInstance":
            body["Properties"].update(StorageEncrypted=False, PubliclyAccessible=True)
            body["DeletionPolicy"] = "Delete"
        if body["Type"] == "AWS::EC2::Instance":
            body["Properties"]["MetadataOptions"]["HttpTokens"] = "optional"
    words = " ".join(security_words(found))
    assert "No HTTPS" in words
    assert "reached from the Internet too" in words and "destroy deletes it with its data" in words
    assert "encrypted" not in words and "IMDSv2" not in words


def test_a_destroy_has_none() -> None:
    assert security_words({}) == ()
