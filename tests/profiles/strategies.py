"""Valid profiles of every kind, for hypothesis."""

import string

from hypothesis import strategies as st

from profiles import catalogue
from profiles.model import Profile

_WORD = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=10)
_LABELS = st.lists(_WORD, min_size=2, max_size=4).map(".".join)
_REGIONS = st.sampled_from([region.code for region in catalogue.regions()])

names = st.from_regex(r"\A[a-z](-?[a-z0-9]){1,15}\Z")
branches = st.one_of(
    st.sampled_from(["main", "no", "1.0", "true", "1e3", "2026-11-23", "release/11.x", "0x10", "null"]),
    st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._/-]{0,30}\Z"),
)
ranges = st.builds(lambda second, prefix: f"10.{second}.0.0/{prefix}", st.integers(0, 255), st.integers(16, 24))
repositories = st.one_of(
    st.just("canary"),
    st.builds("git@{}:{}.git".format, _LABELS, _WORD),
    st.builds("ssh://git@{}:{}/{}.git".format, _LABELS, st.integers(1, 65535), _WORD),
)


@st.composite
def profiles(draw) -> Profile:
    region = draw(_REGIONS)
    balanced = draw(st.booleans())
    engine = draw(st.sampled_from(["mariadb", "mysql"]))

    def one_of(classes):
        return draw(st.sampled_from([item.name for item in classes]))

    return Profile.model_validate(
        {
            "name": draw(names),
            "target": draw(st.sampled_from(["auto", "aws", "sandbox"])),
            "aws": {
                "region": region,
                "profile": draw(st.sampled_from(["", "work", "no", "[x]: #"])),
                "expected_account": draw(st.sampled_from(["", "012345678901", "123456789012"])),
            },
            "site": {
                "domain": draw(st.one_of(st.just(""), _LABELS)),
                "repository": draw(repositories),
                "branch": draw(branches),
                "docroot": draw(st.sampled_from([".", "web", "docroot", "sites/main/web"])),
                "git_host_key": draw(st.sampled_from(["", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKeY+/="])),
            },
            "network": {
                "cidr": draw(ranges),
                "egress": draw(st.sampled_from(["public", "nat", "nat_per_zone", "admin"])) if balanced else "public",
            },
            "balancer": {"kind": "alb" if balanced else "none"},
            "edge": {"cdn": draw(st.sampled_from(["none", "cloudfront"])) if balanced else "none"},
            "search": {
                "kind": draw(st.sampled_from(["none", "solr"])),
                "instance_class": one_of(catalogue.ec2(region)),
            },
            "files": {
                "kind": draw(st.sampled_from(["none", "efs", "glusterfs"])),
                "instance_class": one_of(catalogue.ec2(region)),
            },
            "mail": {"kind": draw(st.sampled_from(["none", "ses"]))},
            "web": {
                "instance_class": one_of(catalogue.ec2(region)),
                "volume_gib": draw(st.integers(8, 1000)),
                "servers": draw(st.integers(1, 10)) if balanced else 1,
                "scaling": draw(st.sampled_from(["fixed", "auto"])) if balanced else "fixed",
                "servers_at_most": draw(st.integers(11, 50)),
            },
            "admin": {"instance_class": one_of(catalogue.ec2(region))},
            "database": {
                "instance_class": one_of(catalogue.rds(region)),
                "engine": engine,
                "query_cache_mib": draw(st.integers(0, 256)) if engine == "mariadb" else 0,
                "storage_gib": draw(st.integers(20, 65536)),
                "multi_az": draw(st.booleans()),
                "backup_days": draw(st.integers(1, 35)),
            },
            "cache": {
                "node_class": one_of(catalogue.elasticache(region)),
                "nodes": draw(st.integers(1, 20)),
                "micro_cache": draw(st.booleans()),
                "micro_cache_seconds": draw(st.integers(1, 3600)),
            },
            "storage": {"bucket": draw(st.booleans())},
            "monitoring": {
                "alarms": draw(st.booleans()),
                "email": draw(st.sampled_from(["", "ops@example.com"])),
            },
            "protection": {"on_destroy": draw(st.sampled_from(["auto", "keep", "delete"]))},
        }
    )
