"""The edge in the graph: who may ask whom, what is kept by what, and where the certificates stand."""

from dataclasses import replace

from profiles.model import Profile
from profiles.store import apply
from provisioners.blueprint.build import build
from tests.provisioners.blueprint.lookups import AWS

EDGE = {"balancer.kind": "alb", "edge.cdn": "cloudfront"}
DOMAIN = {"site.domain": "www.example.com", "names.dns": "route53"}


def resources(answers, found=AWS):
    return build(apply(Profile(), {**EDGE, **answers}), found).resources


def config(found):
    return found["Distribution"].properties["DistributionConfig"]


def test_the_balancer_refuses_whoever_does_not_know_the_header():
    for answers, listener in (({}, "HttpListener"), (DOMAIN, "HttpsListener")):
        found = resources(answers)
        (refusal,) = found[listener].properties["DefaultActions"]
        assert (refusal["Type"], refusal["FixedResponseConfig"]["StatusCode"]) == ("fixed-response", "403")
        rule = found["FromEdgeRule"].properties
        assert rule["ListenerArn"] == {"Ref": listener}
        (condition,) = rule["Conditions"]
        (header,) = config(found)["Origins"][0]["OriginCustomHeaders"]
        assert condition["HttpHeaderConfig"] == {
            "HttpHeaderName": header["HeaderName"],
            "Values": [header["HeaderValue"]],
        }
        assert header["HeaderValue"] == {"Fn::Sub": "{{resolve:secretsmanager:${OriginSecret}}}"}
        assert "FromEdgeRule" in found["Check"].requires


def test_the_bucket_is_read_by_this_distribution_and_only_its_public_folder():
    found = resources({})
    origin = next(item for item in config(found)["Origins"] if item["Id"] == "files")
    assert origin["OriginAccessControlId"] == {"Ref": "BucketAccess"}
    statements = found["FileBucketPolicy"].properties["PolicyDocument"]["Statement"]
    (allowed,) = (item for item in statements if item["Effect"] == "Allow")
    assert allowed["Resource"] == [{"Fn::Sub": "${FileBucket.Arn}/s3fs-public/*"}]
    (source,) = allowed["Condition"]["StringEquals"].values()
    assert source["Fn::Sub"].endswith(":distribution/${Distribution}")
    behavior = next(item for item in config(found)["CacheBehaviors"] if item["PathPattern"] == "/s3fs-public/*")
    assert behavior["TargetOriginId"] == "files" and "OriginRequestPolicyId" not in behavior
    assert "BucketAccess" not in resources({"storage.bucket": "no"})
    assert len(config(resources({"storage.bucket": "no"}))["Origins"]) == 1


def test_files_are_kept_by_their_query_and_never_by_cookie_and_pages_by_session():
    found = resources({})
    key = found["StaticCachePolicy"].properties["CachePolicyConfig"]["ParametersInCacheKeyAndForwardedToOrigin"]
    assert key["QueryStringsConfig"]["QueryStringBehavior"] == "all"
    assert key["CookiesConfig"] == {"CookieBehavior": "none"}
    assert config(found)["CacheTagConfig"] == {"HeaderName": "Cache-Tag"}
    by_path = {item["PathPattern"]: item for item in config(found)["CacheBehaviors"]}
    assert by_path["/core/*"]["CachePolicyId"] == {"Ref": "StaticCachePolicy"}
    assert by_path["/core/*"]["ResponseHeadersPolicyId"] == {"Ref": "StaticHeaders"}


def test_cloudfront_shows_a_certificate_of_us_east_1_wherever_the_rest_stands():
    near = resources(DOMAIN)
    assert config(near)["ViewerCertificate"]["AcmCertificateArn"] == {"Ref": "Certificate"}
    assert "EdgeCertificate" not in near and near["Certificate"].region == ""
    far = resources(DOMAIN, replace(AWS, region="eu-central-1", zones=("eu-central-1a", "eu-central-1b")))
    assert config(far)["ViewerCertificate"]["AcmCertificateArn"] == {"Ref": "EdgeCertificate"}
    assert far["EdgeCertificate"].region == "us-east-1"
    assert far["Certificate"].region == ""
    assert far["HttpsListener"].properties["Certificates"] == [{"CertificateArn": {"Ref": "Certificate"}}]
