"""The full-screen program on in-memory services, as a process of its own: ``python -m tests.screens.program WHAT``.

``wizard`` from its first page; ``deploy``: a run that is under way; ``tour``: the wizard at a fixed time, with a deploy
that is over at once.
"""

import sys
import time

from provisioners.target import DeploymentId
from screens.app import DrucloudApp, WatchStart, WizardStart
from screens.theme import Glyphs
from tests.journals import BEGIN, load
from tests.screens.memory_services import MemoryServices

what = sys.argv[1:] or ["wizard"]
start = WizardStart()
services, clock = MemoryServices(journal=load("starter")[:100]), time.time
if what == ["deploy"]:
    start = WatchStart(DeploymentId("sandbox", "123456789012", "us-east-1", "starter"))
if what == ["tour"]:
    services, clock = MemoryServices(), lambda: BEGIN
app = DrucloudApp(lambda: services, start, Glyphs(), clock)
app.run()
sys.exit(app.leaving.code)
