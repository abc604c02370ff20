"""The probes made as visitors: from here where they arrive, and at each web server behind a balancer or CDN."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from health import cached, edge, entrances, names, site, tls
from health.machines import Standing
from health.report import Finding
from health.round import Probe
from health.scene import Scene, rehearsed
from health.visit import NodeVisitor, Visitor, Visits
from provisioners.target import Dialer

VISIT_SECONDS = 8.0
"""How long connecting, and each silence, may take."""
NAMES_SECONDS = 300.0
"""How long DNS's answers stay good."""

_REHEARSED = (
    "site.status", "site.first-byte", "micro-cache.miss", "micro-cache.hit", "micro-cache.bypass",
    "micro-cache.other-cookie", "micro-cache.private", "site.far-future",
)  # fmt: skip

Look = Callable[[Visits], Sequence[Finding]]


def probes(scene: Scene) -> list[Probe]:
    """Everything a visitor could see."""
    if scene.rehearsal:
        return [Probe("site", scene.host, lambda: [rehearsed(name, scene.host) for name in _REHEARSED])]
    made = [Probe(name, scene.host, partial(_from_here, scene, look)) for name, look in _looks(scene, scene.direct)]
    made += entrances.probes(scene, partial(_at_entrance, scene))
    if not scene.entrances:
        look = tls.Look(scene.target.dialer, scene.address, scene.host, expected=scene.scheme == "https")
        made.append(Probe("tls.certificate", scene.host, look))
    if scene.domain and scene.target.name == "aws":
        made.append(Probe("dns.domain", scene.domain, partial(_names, scene), every=NAMES_SECONDS))
    if _has(scene, "AWS::CloudFront::Distribution"):
        see = partial(edge.cdn, sandbox=scene.target.name == "sandbox")
        made.append(Probe("edge.cache", scene.host, partial(_from_here, scene, see)))
    if not scene.direct:
        for one in scene.web:
            looks = [(name, look) for name, look in _looks(scene, True) if name != "site.status"]
            made += [Probe(name, one.subject, partial(_at, scene, one, look)) for name, look in looks]
    return made


def _looks(scene: Scene, of_one_server: bool) -> list[tuple[str, Look]]:
    """The looks at one web server, or those at whatever stands before several: their caches differ from each other."""
    always: list[tuple[str, Look]] = [
        ("site.status", site.home),
        ("micro-cache.private", cached.private_pages),
        ("site.far-future", _front_page),
    ]
    if not of_one_server:
        return always
    if scene.micro_cache:
        always.insert(1, ("micro-cache.miss", cached.micro_cache))
    return [*always, ("site.denied", lambda visitor: [site.denied(visitor)])]


def _front_page(visitor: Visits) -> list[Finding]:
    page = visitor.get("/")
    return [*cached.drupal_page_cache(visitor, page), *cached.static_files(visitor, page)]


def _from_here(scene: Scene, look: Look) -> Sequence[Finding]:
    return _through(scene, entrances.dialer(scene), scene.address, scene.host, look)


def _at_entrance(scene: Scene, subject: str, address: str, look: Look) -> Sequence[Finding]:
    return _through(scene, scene.target.dialer, address, subject, look)


def _through(scene: Scene, dialer: Dialer, address: str, subject: str, look: Look) -> Sequence[Finding]:
    """What ``look`` finds at an address, said of ``subject``."""

    def visitor(scheme: str) -> Visitor:
        made = Visitor(dialer, address, scene.domain, VISIT_SECONDS, scheme=scheme)
        made.subject = subject
        return made

    with visitor(scene.scheme) as visiting:
        # A machine that ends TLS itself sends visitors to HTTPS once it has a certificate: no plan can foresee that.
        if not (scene.scheme == "http" and scene.domain and sent_to_https(visiting)):
            return look(visiting)
    with visitor("https") as secured:
        return look(secured)


def sent_to_https(visitor: Visits) -> bool:
    """Whether visitors who ask with HTTP are sent to the same site with HTTPS."""
    visit = visitor.get("/")
    return visit.status in (301, 302, 307, 308) and visit.header("Location").startswith(f"https://{visitor.host}/")


def _at(scene: Scene, one: Standing, look: Look) -> Sequence[Finding]:
    return look(NodeVisitor(scene.connections, one.machine, one.subject, scene.host))


def _names(scene: Scene) -> list[Finding]:
    look = names.Resolver()
    mail = names.mail_records(scene.domain, look) if _has(scene, "AWS::SES::EmailIdentity") else []
    addresses = [address for _, address in scene.entrances]
    leads = names.spreads_here(scene.domain, addresses, look) if addresses else None
    return [*(leads or names.leads_here(scene.domain, scene.address, look)), *mail]


def _has(scene: Scene, kind: str) -> bool:
    return scene.state is not None and any(step.type == kind for step in scene.state.standing().values())
