"""How much of a machine goes to what: pure figures from memory and vCPU.

Rules: the project's sizing rules (80 MiB a PHP worker, 600 MiB or 15 % kept back, at most five workers a vCPU, never
below four) and the table of sizes by memory (OPcache, APCu, micro-cache). Memory is that of the instance class, not of
``/proc/meminfo``, which shows the host's on a sandbox machine.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from profiles.sizing import CHILD_MIB, CHILDREN_PER_VCPU, children_by_memory, database_connections, php_children


def web(memory_mib: int, vcpu: int) -> dict[str, Any]:
    """PHP-FPM, OPcache, APCu and micro-cache of a web node."""
    by_memory, by_cpu = children_by_memory(memory_mib), CHILDREN_PER_VCPU * vcpu
    children = php_children(memory_mib, vcpu)
    small = memory_mib < 3072
    return {
        "fpm_max_children": children,
        "fpm_start_servers": math.ceil(0.25 * children),
        "fpm_min_spare": math.ceil(0.15 * children),
        "fpm_max_spare": math.ceil(0.4 * children),
        "fpm_reason": f"memory allows {by_memory} of {CHILD_MIB} MiB, {vcpu} vCPU allow {by_cpu}",
        "opcache_mib": 128 if small else 256,
        "apcu_mib": 32 if small else 64,
        "micro_cache_mib": 128 if small else 256,
    }


def database(memory_mib: int) -> dict[str, Any]:
    """What RDS derives from ``DBInstanceClassMemory``: three quarters as buffer pool, its connection formula."""
    return {
        "database_buffer_pool_mib": memory_mib * 3 // 4,
        "database_max_connections": database_connections(memory_mib),
    }


def cache(memory_mib: int) -> dict[str, Any]:
    """Memory of a memcached node: three quarters, the rest for connections and the system."""
    return {"memcached_mib": max(64, memory_mib * 3 // 4)}


def search(memory_mib: int) -> dict[str, Any]:
    """Heap of Solr: half of the memory, at most 4 GiB; the index itself lives in the page cache."""
    return {"solr_heap_mib": max(256, min(4096, memory_mib // 2))}


def of_role(role: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The figures the templates of ``role`` need, from ``memory_mib`` (and ``vcpu``) in its settings."""
    match role:
        case "web":
            return web(settings["memory_mib"], settings["vcpu"])
        case "database":
            return database(settings["memory_mib"])
        case "cache":
            return cache(settings["memory_mib"])
        case "search":
            return search(settings["memory_mib"])
    return {}
