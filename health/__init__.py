"""Is it so? Probes of a site, its caches, its machines and its services."""
