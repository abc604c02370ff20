"""One converge of bench/converge_role by drucloud on the machines of an inventory, each with its own connection.

python -m bench.converge_drucloud INVENTORY SETTINGS
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from provisioners.nodes.apply import apply
from provisioners.nodes.ssh import Connection
from provisioners.target import DirectDialer

BENCH = Path(__file__).parent


def main() -> None:
    """Converge all at once and print what each did."""
    inventory, settings = (json.loads(Path(name).read_text()) for name in sys.argv[1:3])
    hosts, key = inventory["hosts"], Path(inventory["key"])
    with ThreadPoolExecutor(2 * len(hosts)) as pool:
        opening = {host: pool.submit(Connection.open, DirectDialer(), host, hosts[host], key) for host in hosts}
        from provisioners.nodes import bundle  # loaded and rendered while the machines let us in

        wanted = bundle.render("converge_role", settings, BENCH)

        def converge(connecting: Future[Connection]) -> str:
            with connecting.result() as connection:
                return apply(connection, wanted).summary

        for host, summary in zip(hosts, pool.map(converge, opening.values()), strict=True):
            print(f"{host}: {summary}")


if __name__ == "__main__":
    main()
