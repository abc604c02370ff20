"""What CloudFormation has no word for: our steps, as resource types of the same graph.

The blueprint builds them, the engine resolves their references, and the rooms that run them (``provisioners.nodes``,
``health``) read exactly the properties declared here. A property marked optional is left out when it has no value.

Attributes that steps refer to and CloudFormation does not give (the resource kinds supply them):

================================  =====================================================================
``Cache.NodeEndpoints``           list of ``host:port``, one a cache node: stock clients must be given the
                                  nodes, not the discovery endpoint (facts: ElastiCache ``.cfg``)
``WebGroup.FirstInstanceId``      the server of an Auto Scaling group that has been there longest
``WebGroup.FirstPrivateIp``       its address
================================  =====================================================================
"""

from __future__ import annotations

from typing import Any, ClassVar

from troposphere import AWSObject, AWSProperty

Props = dict[str, tuple[Any, bool]]
"""troposphere's own table: property name -> (type, required). Any value may be a reference instead."""

_MACHINE: Props = {
    "InstanceId": (str, True),  # EC2 instance id: whose console tells the host key
    "Host": (str, True),  # private address: where its sshd answers from inside the VPC
    "HostPublic": (str, False),  # Elastic IP; absent on a machine that has none
    "Via": (str, False),  # the admin node's Elastic IP, through which it is reached; absent on the admin node itself
    "ViaInstanceId": (str, False),  # the admin node's instance id (its host key is pinned too); absent likewise
    "EntranceGroup": (str, True),  # security group whose port 22 is opened to the operator for each command
}


class Machine(AWSProperty):  # type: ignore[misc]  # troposphere is untyped
    """How a machine is reached over SSH: a step's own (flat, see :class:`NodeStep`) or one it also needs."""

    props: ClassVar[Props] = _MACHINE


class Database(AWSProperty):  # type: ignore[misc]
    """Where the database is. ``MasterSecretArn``: RDS's own secret, which only the admin node may read."""

    props: ClassVar[Props] = {
        "Host": (str, True),
        "Port": (str, True),
        "Name": (str, True),
        "MasterSecretArn": (str, True),
    }


class NodeStep(AWSObject):  # type: ignore[misc]
    """``Drucloud::Node``: converge a machine to a role. Waits for no database and no cache.

    ``Settings`` by role (a key that is left out has the default of ``provisioners.nodes.steps``):

    ``web``     ``Deployment`` str, ``DomainName`` str ("" = none), ``Docroot`` str ("." = the repository itself),
                ``MicroCache`` bool, ``MicroCacheSeconds`` int; ``FilesKind`` "local", "gluster" (then
                ``FilesServers``: the pair's private addresses) or "efs" (then ``FileSystemId``); ``TrustedProxies``
                list of ranges whose X-Forwarded headers are believed, ``ProxyHops`` int (balancer 1, and a CDN before
                it 2; LVS 0); ``Tls`` "none" or "acme" (TLS ends here; ``AcmeServer`` "" = Let's Encrypt);
                ``FleetSize`` int, the most web servers there will be: all their workers share the database; ``Fleet``
                list, their private addresses where each gets a certificate of its own (LVS)
    ``admin``   ``Deployment`` str, ``DomainName`` str, ``Nat`` bool (it is the way out of the app subnets),
                ``VpcCidr`` str
    ``warmer``  (on the admin node) ``DomainName``, ``Tls`` as for web, ``WarmNodes`` list of the web servers' private
                addresses, ``WarmFront`` the CDN's name ("" = none), ``WarmScheme`` how visitors ask
    ``search``  ``VolumeId`` str ("" = the machine's own disk); ``SolrArchive`` str (an address, a path on the
                operator's machine, "" = Apache's), ``SolrSha512`` str ("" = the pinned release's).
                Solr listens on ``Host``, port 8983, core ``drupal``
    ``files``   ``VolumeId`` str; ``FilesServers`` list: both private addresses, in the same order on both. The two
                steps must not wait for each other: they pair side by side. Ports 24007 and 49152-49251 between the
                pair and from the web servers
    ``director`` ``DirectorAddress`` allocation id of the site's address, ``DirectorRoutes`` the web servers' route
                table, ``DirectorPeer`` the other director's private address; ``RealServers`` list of the web servers'
                private addresses, ``LvsMethod``, ``LvsScheduler``, ``LvsPersistence`` (seconds, 0 = none) as in the
                profile; ``VpcCidr`` str

    Sizes follow from ``MemoryMiB`` and ``Vcpu`` (those of the instance class), never from ``/proc/meminfo``, which
    shows the host's memory on a sandbox machine.
    """

    resource_type = "Drucloud::Node"
    props: ClassVar[Props] = {
        **_MACHINE,
        "Role": (str, True),
        "MemoryMiB": (int, True),
        "Vcpu": (int, True),
        "Settings": (dict, True),
    }


class SiteStep(AWSObject):  # type: ignore[misc]
    """``Drucloud::Site``: the database user, the site's release and its settings. Flat machine: the web node.

    ``SecretArn``: the site's own secret, JSON ``{"username": str, "password": str}``; the password is generated by
    Secrets Manager (64 letters and digits), which generates one value a secret: the hash salt is therefore derived from
    it on the node (HMAC-SHA256 keyed with the password, message ``hash_salt``).
    ``DeployKeySecretArn``: the deploy key's private part. Both are fetched by the nodes with their role.
    ``Services``: what the site's modules are told of (:mod:`provisioners.blueprint.site_services`).
    """

    resource_type = "Drucloud::Site"
    props: ClassVar[Props] = {
        **_MACHINE,
        "Admin": (Machine, True),
        "Deployment": (str, True),
        "Repository": (str, True),  # SSH address, or "canary"
        "Branch": (str, True),
        "Docroot": (str, True),
        "Drupal": (str, False),  # "7" for a Drupal 7; absent for any other
        "GitHostKey": (str, False),  # "ssh-ed25519 AAAA…"; absent: a known server's pinned key
        "DomainName": (str, False),
        "Database": (Database, True),
        "CacheNodes": ([str], True),  # "host:port", each node
        "Bucket": (str, False),
        "Services": (dict, False),  # see below
        "Baked": (bool, False),  # the release came with the machine's image: only the database is brought to it
        "SecretArn": (str, True),
        "DeployKeySecretArn": (str, True),
    }


class ImageStep(AWSObject):  # type: ignore[misc]
    """``Drucloud::Image``: the golden image of a web server. Waits for no database and no cache.

    Its attribute ``ImageId`` is the AMI. ``Builder`` is the machine it is made of, in the words of a launch template
    with a subnet; ``Settings`` are those of the role ``web``. ``Via``, ``ViaInstanceId`` and ``EntranceGroup`` say how
    the builder is reached.
    """

    resource_type = "Drucloud::Image"
    props: ClassVar[Props] = {
        "Builder": (dict, True),
        "Settings": (dict, True),
        "MemoryMiB": (int, True),
        "Vcpu": (int, True),
        "Deployment": (str, True),
        "Repository": (str, True),
        "Branch": (str, True),
        "Docroot": (str, True),
        "GitHostKey": (str, False),
        "DomainName": (str, False),
        "DatabaseName": (str, True),
        "DeployKeySecretArn": (str, True),
        **{name: _MACHINE[name] for name in ("Via", "ViaInstanceId", "EntranceGroup")},
    }


class CheckStep(AWSObject):  # type: ignore[misc]
    """``Drucloud::Check``: prove that the site, its caches and its database work."""

    resource_type = "Drucloud::Check"
    props: ClassVar[Props] = {
        "Address": (str, True),  # where visitors arrive: the web node's Elastic IP, or the balancer's or the CDN's name
        "Addresses": ([str], False),  # all that visitors arrive at, where Route 53 spreads them over the web servers
        "Domain": (str, False),
        "Drupal": (str, False),  # "7" for a Drupal 7; absent for any other
        "Scheme": (str, False),  # "https" where TLS ends before the web servers; absent: "http"
        "Web": (Machine, True),
        "Admin": (Machine, True),
        "DatabaseHost": (str, True),
        "DatabasePort": (str, True),
        "CacheNodes": ([str], True),
        "MicroCache": (bool, True),
        "MicroCacheSeconds": (int, True),
    }
