"""The detached engine with a fake cloud in a file: ``python -m tests.provisioners.engine.engine_program FOLDER``."""

import asyncio
import sys
from pathlib import Path

from provisioners.engine.kinds import StepContext, StepResult
from provisioners.engine.process import serve
from provisioners.engine.request import Request
from provisioners.target import Target
from tests.provisioners.engine.cloud import KINDS, Cloud, Step


class Held(Step):
    """Runs until the file ``go`` is in the deployment's folder, or a stop is asked for."""

    async def run(self, context: StepContext) -> StepResult:
        from profiles.errors import CancelledError

        while not (Path(context.folder) / "go").exists():
            context.progress("waiting")
            if context.stopping:
                raise CancelledError("stopped")
            await asyncio.sleep(0.02)
        print("a stray line on standard output")
        return await super().run(context)


def open_target(request: Request) -> Target:
    place = request.deployment
    cloud = Cloud(Path(sys.argv[1]) / "cloud.json")
    return Target("sandbox", place.account, place.region, cloud, None, "rehearsal")  # type: ignore[arg-type]


if __name__ == "__main__":
    sys.exit(serve(Path(sys.argv[1]), KINDS, {"Drucloud::Node": Held("Drucloud::Node")}, open_target))
