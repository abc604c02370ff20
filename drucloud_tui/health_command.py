"""What ``health`` does: examinations as a table, JSON, lines, a plugin's line or Prometheus' file; or the dashboard."""

from __future__ import annotations

import json
import re
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from drucloud_tui import health_output
from drucloud_tui.display import Terminal, decide
from drucloud_tui.exit_codes import ExitCode
from drucloud_tui.services import LiveServices
from health import nagios
from health.history import History
from health.watch import Round, Watch
from profiles.errors import DrucloudError, FailedError, UsageError
from provisioners.engine.deployment import Deployment, find
from provisioners.target import TargetName

_SPAN = re.compile(r"(\d+)([smhdw])")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


@dataclass(frozen=True)
class How:
    """What is to be printed, and how often."""

    display: str | None = None
    once: bool = False
    as_json: bool = False
    watch: bool = False
    interval: float = 30.0
    nagios: bool = False
    prometheus: Path | None = None
    since: str = ""
    rounds: int = 0
    """Rounds of ``watch``; 0 goes on until it is interrupted."""
    notify: str = ""
    """ARN of an SNS topic that hears of changes."""
    urls: str = ""
    """``sitemap``, or a file with URLs: the cache-hit check."""
    limit: int = 1000
    rate: float = 20.0
    load: bool = False
    fix: bool = False
    path: str = "/"
    seconds: int = 10
    yes: bool = False


def health(name: str, target: TargetName | None, how: How) -> int:
    """Examine a deployment; 1 when something failed (or the plugin's own code)."""
    if how.nagios:
        return _nagios(name, target)
    deployment = find(name, target)
    if how.since:
        return _since(deployment, how)
    plain = how.once or how.watch or how.prometheus is not None or bool(how.notify or how.urls or how.load or how.fix)
    shown = decide("json" if how.as_json else "plain" if plain else how.display, Terminal.here())
    services = LiveServices()
    if shown == "tui":
        from drucloud_tui import full_screen

        return full_screen.health(services, deployment.id)
    with services.watch(deployment.id) as watch:
        if how.urls or how.load or how.fix:
            from drucloud_tui import health_tools

            tool = health_tools.urls if how.urls else health_tools.load if how.load else health_tools.fix
            return tool(name, watch, how, shown == "json")
        if how.watch:
            return _watch(name, watch, how, shown == "json")
        seen = watch.round()
        _keep(name, watch, seen, how)
    if shown == "json":
        print(json.dumps(health_output.as_json(name, seen), indent=1))
    else:
        health_output.table(name, seen, sys.stdout)
    return _code(seen)


def _watch(name: str, watch: Watch, how: How, as_json: bool) -> int:
    done = 0
    while True:
        began = time.monotonic()
        seen = watch.round()
        _keep(name, watch, seen, how)
        if as_json:
            print(json.dumps(health_output.as_json(name, seen)), flush=True)
        else:
            health_output.watch_line(name, seen, sys.stdout)
        done += 1
        if done == how.rounds:
            return _code(seen)
        time.sleep(max(0.0, how.interval - (time.monotonic() - began)))


def _keep(name: str, watch: Watch, seen: Round, how: How) -> None:
    """Tell whom the user wants to be told."""
    if how.notify:
        from health.notify import Notifier

        notifier = Notifier(watch.target, how.notify, watch.history.told(how.notify))
        watch.history.keep_told(how.notify, notifier.tell(name, seen.findings, seen.diagnoses))
    if how.prometheus is None:
        return
    from health import prometheus

    try:
        prometheus.write(how.prometheus, name, seen.findings, seen.seconds)
    except OSError as error:
        raise FailedError(
            f"{how.prometheus} cannot be written ({error.strerror}).", "Choose a file in a folder you may write to."
        ) from error


def _nagios(name: str, target: TargetName | None) -> int:
    """A plugin answers on standard output whatever happens: what cannot be asked is UNKNOWN."""
    try:
        deployment = find(name, target)
        with LiveServices().watch(deployment.id) as watch:
            line, code = nagios.line(name, watch.round().findings)
    except DrucloudError as error:
        line, code = f"DRUCLOUD UNKNOWN - {error.what} {error.do}".strip(), nagios.CODES["unknown"]
    print(line)
    return code


def _since(deployment: Deployment, how: How) -> int:
    seconds = span(how.since)
    after = time.time() - seconds
    with History(deployment.folder) as history:
        available, changes = history.availability(after), history.changes(after)
    if how.as_json:
        report = {**asdict(available), "percent": available.percent, "changes": [vars(change) for change in changes]}
        print(json.dumps(report, indent=1))
    else:
        health_output.since(deployment.id.name, seconds, available, changes, sys.stdout)
    return ExitCode.OK


def span(text: str) -> float:
    """Seconds of ``90m``, ``24h`` or ``7d``; raises ``UsageError``."""
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"--since cannot be '{text}'.", "Give a number and s, m, h, d or w, such as 24h or 7d.")
    return int(match[1]) * _SECONDS[match[2]]


def _code(seen: Round) -> int:
    return ExitCode.FAILED if health_output.worst(seen.findings) else ExitCode.OK
