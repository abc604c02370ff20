"""Settings of each role as a small deployment gives them."""

from typing import Any

from provisioners.nodes import solr

_NODE: dict[str, Any] = {
    "deployment": "starter",
    "domain_name": "",
    "memory_mib": 2048,
    "node_endpoint": "http://169.254.169.252",
    "reboot_time": "03:17",
    "region": "us-east-1",
    "vcpu": 2,
}

_SITE: dict[str, Any] = {
    "branch": "main",
    "commit": "",
    "database": {"ca": "/etc/ssl/certs/rds-global-bundle.pem", "host": "db.internal", "name": "site", "port": 3306},
    "deploy_key_secret_arn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:deploy-key",
    "deployment": "starter",
    "docroot": "web",
    "domain": "www.example.org",
    "git_host": "git.example.org",
    "git_host_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAfuCHKVTjquxvt6CM6tdG4SLp1Btn/nOeHHE5UOzRdf",
    "git_port": 2222,
    "master_secret_arn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:rds-master",
    "memcached": [{"host": "cache-1.internal", "port": 11211}],
    "secret_arn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:site",
    "services": {
        "files": {"bucket": "starter-files", "domain": "www.example.org", "region": "us-east-1"},
        "mail": {"domain": "example.org", "region": "us-east-1"},
        "purge": {"distribution": "E123456789ABCD", "header": "Cache-Tag"},
        "search": {"host": "10.0.1.31"},
    },
    "url": "ssh://git@git.example.org:2222/site.git",
}

_HEADERS = {"origin_headers": ["X-Origin-Verify"], "origin_headers_digest": "0123456789ab"}

SETTINGS: dict[str, dict[str, Any]] = {
    "admin": {**_NODE, "nat": True, "vpc_cidr": "10.0.0.0/16"},
    "balancer": {
        "health_path": "/healthz",
        "private_address": "10.0.0.20",
        "targets": [{"address": "10.0.1.10", "name": "i-1", "port": 80}],
        "refusal": {"status": 403, "content_type": "text/plain", "body": "Ask the site by its own name."},
        "rules": [[{"header": "X-Origin-Verify", "file": "/etc/haproxy/values-1.lst"}]],
    },
    "cache": {"memory_mib": 512},
    "database": {"memory_mib": 1024},
    "image": {**_SITE, "commit": "0123456789abcdef0123456789abcdef01234567"},
    "site": _SITE,
    "site-code": _SITE,
    "site-install": _SITE,
    "site-release": _SITE,
    "site-database": _SITE,
    "director": {
        **_NODE,
        "director_address": "eipalloc-0123456789abcdef0",
        "director_peer": "10.0.2.5",
        "director_routes": "rtb-0123456789abcdef0",
        "lvs_method": "nat",
        "lvs_persistence": 0,
        "lvs_scheduler": "wlc",
        "private_address": "10.0.1.5",
        "real_servers": ["10.0.4.10", "10.0.5.10"],
        "vpc_cidr": "10.0.0.0/16",
    },
    "edge": {"distribution": "d1", "memory_mib": 256, "origin_address": "10.0.0.20", **_HEADERS},
    "files": {
        **_NODE,
        "files_servers": ["10.0.1.21", "10.0.2.22"],
        "private_address": "10.0.1.21",
        "volume_id": "vol-0123456789abcdef0",
    },
    "search": {
        **_NODE,
        **solr.settings("", ""),
        "private_address": "10.0.1.31",
        "volume_id": "vol-0123456789abcdef0",
    },
    "warmer": {
        **_NODE,
        "domain_name": "www.example.org",
        "tls": "none",
        "warm_front": "d1.cloudfront.net",
        "warm_nodes": ["10.0.1.10", "10.0.2.10"],
        "warm_scheme": "https",
    },
    "web": {
        **_NODE,
        "acme_server": "",
        "docroot": "web",
        "files_file_system": "",
        "files_kind": "local",
        "files_servers": [],
        "fleet": [],
        "fleet_size": 2,
        "micro_cache": True,
        "micro_cache_seconds": 40,
        "proxy_hops": 1,
        "tls": "acme",
        "trusted_proxies": ["10.0.0.0/16"],
    },
}
