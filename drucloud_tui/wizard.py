"""Bare ``drucloud``: the wizard, full screen where the terminal can, as prompts where it cannot move the cursor.

Light: the full screen draws before the questions are loaded (:mod:`screens.opening`).
"""

from __future__ import annotations

from drucloud_tui.display import Display, Terminal, decide
from profiles.errors import UsageError

INSTEAD = "Use 'drucloud replay PROFILE --display plain --yes'."
"""What to do without a terminal: the command that needs none."""


def wizard(display: str | None, sandbox_mode: str) -> int:
    """Ask, review, deploy; the exit code."""
    terminal = Terminal.here()
    shown = decide(display, terminal)
    if shown == "tui":
        from drucloud_tui import full_screen

        return full_screen.wizard(sandbox_mode)
    if not terminal.can_ask:
        raise UsageError("The wizard needs a terminal, and there is none.", INSTEAD)
    return _by_prompts(terminal, shown, sandbox_mode)


def _by_prompts(terminal: Terminal, shown: Display, sandbox_mode: str) -> int:
    from drucloud_tui.ask import answered_keys, ask_profile, asker
    from drucloud_tui.deploys import deploy, say
    from drucloud_tui.drafts import save_profile
    from drucloud_tui.services import LiveServices
    from profiles import store
    from profiles.questions import Choice

    services = LiveServices(sandbox_mode)
    ask = asker(terminal, INSTEAD)
    names = [
        *(Choice(name, name, "saved") for name in store.saved()),
        *(Choice(n, n, f"preset: {store.about(n)}") for n in store.presets()),
    ]
    start = ask.choose("Profile", "What to begin with; every answer can be changed.", names, store.presets()[0])
    profile = services.load_profile(start)
    profile = ask_profile(profile, answered_keys(profile) - {"name", "version"}, ask)
    path = save_profile(profile, profile.name)
    say(f"Saved as {path}.")
    return deploy(services, profile, shown, False, profile.name)
