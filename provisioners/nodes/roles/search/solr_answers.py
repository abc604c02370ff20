#!/usr/bin/python3
"""Whether the core that Drupal uses answers a query, asked on the private address; one line says what was seen."""

from __future__ import annotations

import json
import pathlib
import sys
import urllib.request


def main() -> int:
    """Ask once; the exit code."""
    settings = json.loads(pathlib.Path("/etc/drucloud/solr.json").read_text())
    address = f"http://{settings['address']}:8983/solr/drupal/admin/ping?wt=json"
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            status = json.loads(answer.read(100_000)).get("status")
    except (OSError, ValueError) as error:
        print(f"{address} does not answer: {error}", file=sys.stderr)
        return 1
    print(f"the core drupal says {status}")
    return 0 if status == "OK" else 1


if __name__ == "__main__":
    sys.exit(main())
