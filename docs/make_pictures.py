"""Makes the README's pictures from a recorded journal: ``python docs/make_pictures.py`` in the repository's root.

The program is run headless on the recording, so that a picture shows what a user sees and nothing is drawn by hand.
"""

import asyncio
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from provisioners.engine import events as ev  # noqa: E402
from provisioners.target import DeploymentId  # noqa: E402
from screens.app import HealthStart, WatchStart  # noqa: E402
from tests.journals import load  # noqa: E402
from tests.screens.memory_services import MemoryServices  # noqa: E402
from tests.screens.pages import Pages, running  # noqa: E402

SIZE = (112, 32)
DEPLOYMENT = DeploymentId("sandbox", "123456789012", "us-east-1", "starter")


def picture_of(pages: Pages) -> str:
    """The screen as SVG. No web font is fetched: the picture is complete in itself."""
    drawn = pages.app.export_screenshot(title="drucloud", simplify=True)
    return re.sub(r"@font-face \{[^}]*\}\s*", "", drawn)


async def live_tree() -> str:
    """The live tree in the middle of configuring the web server."""
    journal = load("starter")
    middle = max(
        n for n, item in enumerate(journal) if isinstance(item.event, ev.ChildChanged) and item.event.step == "WebNode"
    )
    middle -= 16
    moment = journal[middle].at
    services = MemoryServices(journal=journal[:middle])
    async with running(SIZE, services, WatchStart(DEPLOYMENT), clock=lambda: moment) as pages:
        await pages.shows("Ctrl+C stops")
        await pages.pilot.pause(1.5)
        return picture_of(pages)


async def wizard(step: str) -> str:
    """A step of the wizard."""
    async with running(SIZE) as pages:
        if step != "welcome":
            await pages.enter_to(step)
        if step == "sizing":
            pages.row("database.multi_az").field.focus()
            await pages.press("y")
        if step != "review":
            await pages.shows("a month on AWS")
        await pages.pilot.pause(0.5)
        return picture_of(pages)


async def health() -> str:
    """The health page of a site that is well."""
    async with running(SIZE, start=HealthStart(DEPLOYMENT)) as pages:
        await pages.shows("again every 30 s")
        return picture_of(pages)


PICTURES = {
    "welcome": lambda: wizard("welcome"),
    "sizing": lambda: wizard("sizing"),
    "review": lambda: wizard("review"),
    "live-tree": live_tree,
    "health": health,
}


def main() -> None:
    """Write every picture."""
    folder = ROOT / "docs" / "pictures"
    folder.mkdir(exist_ok=True)
    for name, make in PICTURES.items():
        (folder / f"{name}.svg").write_text(asyncio.run(make()), encoding="utf-8")


if __name__ == "__main__":
    main()
