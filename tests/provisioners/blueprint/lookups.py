"""Lookups of both targets, for tests."""

from dataclasses import replace

from hypothesis import strategies as st

from provisioners.blueprint.lookups import Lookups

SANDBOX = Lookups(
    account="123456789012",
    region="us-east-1",
    target="sandbox",
    zones=("us-east-1a", "us-east-1b"),
    image_id_web="ami-0123456789abcdef0",
    image_id_admin="ami-0123456789abcdef0",
    engine_version="11.8.8",
    engine_family="mariadb11.8",
    cache_version="1.6.22",
    web_memory_mib=2048,
    web_vcpu=2,
    admin_memory_mib=1024,
    admin_vcpu=2,
    ssh_public_key="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGq0000000000000000000000000000000000000000000 starter",
    edge_prefix_list="pl-3b927c52",
    hosted_zone="Z0123456789ABCDEFGHIJ",
    image_id_director="ami-0123456789abcdef0",
    director_memory_mib=2048,
    director_vcpu=2,
)
AWS = replace(SANDBOX, target="aws")

lookups = st.sampled_from([SANDBOX, AWS])
