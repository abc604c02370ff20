"""A VPC's network: a namespace with a bridge, and a namespace with one interface for every machine.

The host itself gets no interface, no address, no route and no rule. The VPC's namespace is the router: it holds the
first address of the network, the link-local service addresses, and a route for every public address. There is no way
out to the internet; what machines need from there is relayed (see ``packages``).
"""

from __future__ import annotations

import hashlib
import ipaddress
from pathlib import Path

from provisioners.sandbox.machines import namespaces
from provisioners.sandbox.machines.host import API, GIT, METADATA, PACKAGES, RESOLVER, VISITORS
from provisioners.sandbox.machines.namespaces import ip

_SERVICE_ADDRESSES = tuple(address for address, _ in (METADATA, RESOLVER, API, PACKAGES, GIT))

_LINK_LOCAL = "169.254.0.0/16"
"""Where the network's own services answer."""


class Network:
    """One VPC's network.

    :param prefix: begins the name of every namespace of this host, so that a sweep finds them.
    :param vpc_id: the VPC it stands for.
    :param cidr: its address block; the first address is the router's.
    """

    def __init__(self, prefix: str, vpc_id: str, cidr: str) -> None:
        self.vpc_id = vpc_id
        self.cidr = ipaddress.IPv4Network(cidr)
        self.namespace = f"{prefix}-{vpc_id}"
        self._prefix = prefix

    def up(self) -> None:
        """Make it; nothing happens if it stands."""
        if (namespaces.NAMED / self.namespace).exists():
            return
        namespaces.add(self.namespace)
        router = f"{self.cidr[1]}/{self.cidr.prefixlen}"
        ip(
            "link add br0 type bridge forward_delay 0 mcast_snooping 0",
            f"addr add {router} dev br0",
            *(f"addr add {address}/32 dev br0" for address in (*_SERVICE_ADDRESSES, VISITORS)),
            "link set br0 up",
            netns=self.namespace,
        )
        namespaces.inside(self.namespace, _route)

    def down(self) -> None:
        """Remove it with everything in it."""
        namespaces.delete(self.namespace)

    def machine_namespace(self, name: str) -> str:
        """The namespace of the machine called ``name``."""
        return f"{self._prefix}-{name}"

    def attach(self, name: str, private_ip: str) -> None:
        """Make the machine's namespace with ``eth0`` at ``private_ip``; nothing happens if it is there.

        The interface is made from outside, so that it survives the machine's reboots.
        """
        inner, outer = self.machine_namespace(name), _veth(name)
        if (namespaces.NAMED / inner).exists():
            return
        namespaces.add(inner)
        mac = "0a:" + ":".join(f"{byte:02x}" for byte in hashlib.sha256(name.encode()).digest()[:5])
        ip(
            f"link add {outer} type veth peer name eth0 address {mac} netns {inner}",
            f"link set {outer} master br0 up",
            netns=self.namespace,
        )
        ip(
            f"addr add {private_ip}/{self.cidr.prefixlen} dev eth0",
            "link set eth0 up",
            f"route add default via {self.cidr[1]}",
            f"route add {_LINK_LOCAL} via {self.cidr[1]}",  # whatever becomes of the default route
            netns=inner,
        )

    def lead(self, name: str, gateway: str) -> None:
        """What leaves the network goes from this machine to ``gateway``; to the router if that is empty."""
        ip(f"route replace default via {gateway or self.cidr[1]}", netns=self.machine_namespace(name))

    def detach(self, name: str) -> None:
        """Remove the machine's interface and namespace.

        The interface goes first: a process that lingers in the namespace must not keep the address alive.
        """
        if (namespaces.NAMED / self.namespace).exists():
            ip(f"link del {_veth(name)}", netns=self.namespace, ignore_errors=True)
        namespaces.delete(self.machine_namespace(name))

    def publish(self, name: str, private_ip: str, address: str) -> None:
        """Lead the public ``address`` to the machine, in place of any it led to before."""
        ip(f"addr replace {address}/32 dev lo", netns=self.machine_namespace(name))
        ip(f"route replace {address}/32 via {private_ip} src {VISITORS}", netns=self.namespace)

    def unpublish(self, name: str, private_ip: str, address: str) -> None:
        """Take the public ``address`` away from the machine; if it leads to another one by now, it goes on to."""
        ip(f"addr del {address}/32 dev lo", netns=self.machine_namespace(name), ignore_errors=True)
        ip(f"route del {address}/32 via {private_ip}", netns=self.namespace, ignore_errors=True)


def _veth(name: str) -> str:
    """The bridge's end of a machine's interface; interface names have at most 15 characters."""
    return f"v{hashlib.sha256(name.encode()).hexdigest()[:10]}"


def _route() -> None:
    """Forward packets (public addresses), and never tell machines of a shorter way."""
    for name, value in (("ip_forward", 1), ("conf/all/send_redirects", 0), ("conf/br0/send_redirects", 0)):
        Path(f"/proc/sys/net/ipv4/{name}").write_text(str(value))
