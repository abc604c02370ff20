"""What the site can carry: a short, bounded load from the admin server, against the deployment itself and nothing else.

wrk asks for one page as visitors do: first the copy that is kept, then, with a session's cookie that every cache lets
pass, the page that PHP makes each time. What the sizing promised: as many visitors at once as there are PHP workers get
an uncached page without an error, and each vCPU makes so many pages a second (``profiles.sizing``). PHP-FPM tells no
queue of a Unix socket, so nothing is said of waiting but the time of the slowest answers.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from health.machines import Standing
from health.scene import Scene
from profiles.errors import FailedError, UsageError
from profiles.sizing import assumptions, php_children
from provisioners.foreign_text import clean_line

SECONDS, SECONDS_MOST = 10, 30
CONNECTIONS_MOST = 64
"""Bounds of one load; nobody can ask for more."""
PACKAGE = "wrk"
INSTALL = f"apt-get -q update && apt-get -qy --no-install-recommends install {PACKAGE}"
_FAILED = re.compile(r"Non-2xx or 3xx responses: (\d+)")
_LOST = re.compile(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)")
_RATE = re.compile(r"Requests/sec:\s+([\d.]+)")
_REQUESTS = re.compile(r"(\d+) requests in")
_LATENCY = re.compile(r"(50|99)%\s+([\d.]+)(us|ms|s)\b")
_MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1000.0}

Say = Callable[[str], None]


@dataclass(frozen=True)
class Carried:
    """What one load gave.

    :param rate: requests a second.
    :param median: milliseconds within which half of the answers came; ``slowest`` 99 of 100.
    """

    case: str
    connections: int
    rate: float
    requests: int
    errors: int
    median: float
    slowest: float


@dataclass(frozen=True)
class Promise:
    """What the sizing expects of all web servers.

    :param workers: requests that PHP serves at once.
    :param rate: pages a second that PHP makes, by the dynamic page cache.
    """

    workers: int
    rate: float


@dataclass(frozen=True)
class Verdict:
    """Both loads, against the promise.

    :param promised: what the sizing expects of PHP.
    """

    cached: Carried
    uncached: Carried
    promised: Promise

    @property
    def kept(self) -> bool:
        """Whether the promise was kept."""
        return not self.cached.errors and not self.uncached.errors and self.uncached.rate >= self.promised.rate

    @property
    def gain(self) -> float:
        """How many times more the site carries from its caches."""
        return self.cached.rate / self.uncached.rate if self.uncached.rate else 0.0


def promise(scene: Scene) -> Promise:
    """What the sizing expects; raises ``UsageError`` without a journal."""
    if scene.state is None:
        raise UsageError("There is no journal to tell the sizing.", "Load a deployment that stands.")
    steps = list(scene.state.steps.values())
    web = [step.properties for step in steps if step.type == "Drucloud::Node" and step.properties.get("Role") == "web"]
    images = [step.properties for step in steps if step.type == "Drucloud::Image"]
    web = web or images[:1] * len(scene.web)  # the servers of a group are all alike
    workers = sum(php_children(int(one["MemoryMiB"]), int(one["Vcpu"])) for one in web)
    return Promise(workers, sum(int(one["Vcpu"]) for one in web) * assumptions()["logged_in_pages_per_vcpu"])


def load(scene: Scene, path: str = "/", seconds: int = SECONDS, say: Say = lambda text: None) -> Verdict:
    """Load the deployment for twice ``seconds``; the caller has asked for consent. Raises ``FailedError``."""
    if scene.rehearsal:
        raise UsageError("This was a rehearsal: there is nothing to load.", "Deploy it on real machines first.")
    if not path.startswith("/"):
        raise UsageError(f"'{path}' is not a path of the site.", "Begin it with a slash.")
    seconds = min(seconds, SECONDS_MOST)
    admin = next((one for one in scene.machines if one.role == "admin"), None)
    if admin is None:
        raise UsageError("The deployment has no admin server.", "The load starts there and nowhere else.")
    promised = promise(scene)
    workers = promised.workers
    _install(scene, admin, say)
    say(f"Loading {path} for {seconds} s, from the caches")
    cached = _run(scene, admin, "cached", path, min(CONNECTIONS_MOST, 2 * workers), seconds)
    token = secrets.token_hex(16)
    say(f"Loading {path} for {seconds} s, from PHP")
    cookie = f"SSESS{token}={token}"
    uncached = _run(scene, admin, "uncached", path, min(CONNECTIONS_MOST, workers), seconds, cookie)
    return Verdict(cached, uncached, promised)


def _install(scene: Scene, admin: Standing, say: Say) -> None:
    if scene.connections.run(admin.machine, ["sh", "-c", f"command -v {PACKAGE}"]).code == 0:
        return
    say(f"Installing {PACKAGE} on the admin server")
    argv = ["sudo", "-n", "env", "DEBIAN_FRONTEND=noninteractive", "sh", "-c", INSTALL]
    ran = scene.connections.run(admin.machine, argv, seconds=180.0)
    if ran.code:
        raise FailedError(
            f"{PACKAGE} cannot be installed on the admin server.", "See whether it reaches Debian's mirror."
        )


def _run(
    scene: Scene, admin: Standing, case: str, path: str, connections: int, seconds: int, cookie: str = ""
) -> Carried:
    headers = ["-H", f"Host: {scene.host}", *(["-H", f"Cookie: {cookie}"] if cookie else [])]
    url = f"{scene.scheme}://{scene.domain or scene.address}{path}"
    argv = ["wrk", "--latency", f"-t{min(2, connections)}", f"-c{connections}", f"-d{seconds}s", *headers, url]
    ran = scene.connections.run(admin.machine, argv, seconds=seconds + 30.0)
    if ran.code:
        said = clean_line(ran.err.decode("utf-8", "replace"))
        raise FailedError(f"wrk ended with code {ran.code}: {said}", "See 'drucloud health NAME'.")
    return read(case, connections, ran.text)


def read(case: str, connections: int, text: str) -> Carried:
    """What wrk printed; raises ``FailedError`` when it cannot be read."""
    rate, requests = _RATE.search(text), _REQUESTS.search(text)
    if rate is None or requests is None:
        raise FailedError(f"wrk's report cannot be read: {clean_line(text)[:200]}", "See 'drucloud health NAME'.")
    failed, lost = _FAILED.search(text), _LOST.search(text)
    errors = (int(failed[1]) if failed else 0) + (sum(map(int, lost.groups())) if lost else 0)
    latency = {share: float(figure) * _MILLISECONDS[unit] for share, figure, unit in _LATENCY.findall(text)}
    return Carried(
        case, connections, float(rate[1]), int(requests[1]), errors, latency.get("50", 0.0), latency.get("99", 0.0)
    )
