"""The tools beside the examination: mending, the cache-hit check of many pages, the load check."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from drucloud_tui import health_output
from drucloud_tui.ask import asker
from drucloud_tui.display import Terminal
from drucloud_tui.exit_codes import ExitCode
from drucloud_tui.review_text import console
from health import survey
from health import urls as lists
from health.fixes import first_fix
from health.load import Carried, Verdict, promise
from health.load import load as run_load
from health.outside import VISIT_SECONDS
from health.visit import Visitor
from health.watch import Watch
from profiles.errors import CancelledError, UsageError
from provisioners.foreign_text import clean_line

if TYPE_CHECKING:
    from drucloud_tui.health_command import How

SHOWN_PAGES = 5
"""Pages named for each reason; ``--json`` has all of them."""


def fix(name: str, watch: Watch, how: How, as_json: bool) -> int:
    """Mend the first cause that can be mended safely, after a yes, and examine again; the second look's exit code."""
    seen = watch.round()
    found = first_fix([one.cause for one in seen.diagnoses])
    if found is None:
        print("Nothing has failed that drucloud may mend by itself.", file=sys.stderr)
    else:
        cause, mend = found
        print(f"{cause.name} on {cause.subject}: {cause.why}", file=sys.stderr)
        print(f"{mend.why} On the {mend.subject} this is run:  {mend.command}", file=sys.stderr)
        _consent(how, "Nothing was changed.")
        watch.fix(mend)
        seen = watch.round()
    if as_json:
        print(json.dumps(health_output.as_json(name, seen), indent=1))
    else:
        health_output.table(name, seen, sys.stdout)
    return ExitCode.FAILED if health_output.worst(seen.findings) else ExitCode.OK


def _consent(how: How, otherwise: str) -> None:
    """Return after a yes; :class:`CancelledError` after a no."""
    ask = None if how.yes else asker(Terminal.here(), "Say --yes to go ahead without being asked.")
    if ask is not None and not ask.confirm("Go ahead?", default=False):
        raise CancelledError(otherwise)


def urls(name: str, watch: Watch, how: How, as_json: bool) -> int:
    """Ask for many pages and print who answered; 0 whatever the ratio is, since no ratio is right for every site."""
    scene = watch.scene
    if scene.rehearsal:
        raise UsageError("This was a rehearsal: there are no pages.", "Deploy it on real machines first.")
    with Visitor(scene.target.dialer, scene.address, scene.domain, VISIT_SECONDS, scheme=scene.scheme) as visitor:
        if how.urls == "sitemap":
            paths = lists.from_sitemap(visitor, scene.host, how.limit)
        else:
            paths = lists.from_file(Path(how.urls), scene.host, how.limit)
        if not paths:
            raise UsageError("There is no page of this site in the list.", "Name pages of the deployment's own host.")
        print(f"Asking for {len(paths)} pages twice, at most {how.rate:g} requests a second.", file=sys.stderr)
        seen = survey.survey(visitor, paths, how.rate)
    if as_json:
        print(json.dumps(_survey_json(name, seen), indent=1))
    else:
        _survey_text(seen)
    return ExitCode.OK


def _survey_json(name: str, seen: survey.Survey) -> dict[str, Any]:
    return {
        "deployment": name,
        "pages": [asdict(page) for page in seen.pages],
        "hit_ratio": round(seen.ratio, 4),
        "hit_ratio_first": round(seen.first_ratio, 4),
        "bytes": seen.total,
        "bytes_saved": seen.saved,
        "layers": [{"layer": layer, "requests": count, "bytes": size} for layer, count, size in seen.layers()],
        "seconds": round(seen.seconds, 3),
        "requests": seen.requests,
    }


def _survey_text(seen: survey.Survey) -> None:
    screen = console(sys.stdout)
    shown = Table(box=None, pad_edge=False, header_style="")
    for column in ("Answered by", "Pages", "Share", "KiB"):
        shown.add_column(column, justify="left" if column == "Answered by" else "right")
    for layer, count, size in seen.layers():
        shown.add_row(layer, str(count), f"{100 * count / len(seen.pages):.1f} %", f"{size / 1024:,.0f}")
    screen.print(shown)
    saved = f"{seen.saved / 1024:,.0f} of {seen.total / 1024:,.0f} KiB without PHP"
    screen.print(Text(f"Hit ratio {100 * seen.ratio:.1f} % (first visit {100 * seen.first_ratio:.1f} %), {saved}."))
    for reason, pages in seen.reasons():
        some = ", ".join(clean_line(page) for page in pages[:SHOWN_PAGES])
        more = f" and {len(pages) - SHOWN_PAGES} more" if len(pages) > SHOWN_PAGES else ""
        screen.print(Text(f"{len(pages)} missed: {clean_line(reason)} ({some}{more})"))
    screen.print(Text(f"{seen.requests} requests in {seen.seconds:.1f} s."))


def load(name: str, watch: Watch, how: How, as_json: bool) -> int:
    """Ask for consent, load, and say what the site carries; 1 when the sizing's promise was not kept."""
    scene = watch.scene
    workers = promise(scene).workers
    words = (
        f"This loads {how.path} of '{name}' at {scene.host} twice for {how.seconds} s, from its own admin server, "
        f"with up to {min(64, 2 * workers)} requests at once. "
        "Visitors will notice. wrk is installed there if it is missing."
    )
    print(words, file=sys.stderr)
    _consent(how, "Nothing was loaded.")
    seen = run_load(scene, how.path, how.seconds, lambda text: print(text, file=sys.stderr))
    if as_json:
        print(
            json.dumps({"deployment": name, **asdict(seen), "kept": seen.kept, "gain": round(seen.gain, 2)}, indent=1)
        )
    else:
        _load_text(seen)
    return ExitCode.OK if seen.kept else ExitCode.FAILED


def _load_text(seen: Verdict) -> None:
    screen = console(sys.stdout)
    shown = Table(box=None, pad_edge=False, header_style="")
    for column in ("Page", "At once", "Requests/s", "Half within", "99 % within", "Errors"):
        shown.add_column(column, justify="left" if column == "Page" else "right")
    for one in (seen.cached, seen.uncached):
        shown.add_row(*_row(one))
    screen.print(shown)
    wanted = f"The sizing expects {seen.promised.rate:,.0f} pages a second of PHP for {seen.promised.workers} at once"
    errors = seen.cached.errors + seen.uncached.errors
    verdict = "and gets them" if seen.kept else f"and got {seen.uncached.rate:,.0f}, with {errors} errors"
    screen.print(Text(f"{wanted}, {verdict}. From the caches it carries {seen.gain:.0f} times as much."))


def _row(one: Carried) -> tuple[str, ...]:
    times = (f"{figure:.1f} ms" for figure in (one.median, one.slowest))
    return (one.case, str(one.connections), f"{one.rate:,.0f}", *times, str(one.errors))
