"""A deployment on this machine: its folder, its journal, and whether an engine works on it now."""

from __future__ import annotations

from pathlib import Path

from profiles.errors import UsageError
from profiles.places import state_root
from provisioners.engine import control
from provisioners.engine import events as ev
from provisioners.engine.journal import Journal
from provisioners.engine.lock import Holder, holder
from provisioners.engine.state import DeployState, fold
from provisioners.target import DeploymentId, TargetName


class Deployment:
    """One deployment, with or without a journal yet."""

    def __init__(self, id: DeploymentId) -> None:
        """:param id: target, account, region and name."""
        self.id = id

    def __repr__(self) -> str:
        return f"Deployment({self.id.folder})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Deployment) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    @property
    def folder(self) -> Path:
        """Its state folder (0700), made when first asked for: journal, lock, log, keys, known hosts."""
        path = _deployments() / self.id.folder
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path

    @property
    def journal_path(self) -> Path:
        """Its journal, which may not be there yet."""
        return self.folder / "journal.db"

    @property
    def lock_path(self) -> Path:
        """The file whose lock the engine holds."""
        return self.folder / "lock"

    @property
    def log_path(self) -> Path:
        """The engine's own log (0600, without secrets)."""
        return self.folder / "engine.log"

    def events(self, after: int = 0) -> list[ev.Stamped]:
        """Events numbered above ``after``; none when there is no journal yet."""
        try:
            with Journal.open_to_read(self.journal_path) as journal:
                return journal.read(after)
        except FileNotFoundError:
            return []

    def state(self) -> DeployState:
        """The fold of its whole journal."""
        return fold(self.events())

    def running(self) -> Holder | None:
        """The engine that works on it now."""
        return holder(self.lock_path)

    def send(self, command: control.Command) -> None:
        """Ask its engine to stop, to roll back, or to go on after all; ``UsageError`` when none is at work."""
        control.send(self.folder, command)


def all_deployments() -> list[Deployment]:
    """Every deployment that has a journal here, by name."""
    found = []
    for path in _deployments().iterdir():
        try:
            deployment = Deployment(DeploymentId.from_folder(path.name))
        except ValueError:
            continue  # not ours: someone put it there
        if (path / "journal.db").exists():
            found.append(deployment)
    return sorted(found, key=lambda item: (item.id.name, item.id))


def find(name: str, target: TargetName | None = None) -> Deployment:
    """The deployment called ``name``; ``UsageError`` if there is none, or several and nothing says which.

    Of several, the only one that stands or is being worked on is meant: the others are history.
    """
    named = [item for item in all_deployments() if item.id.name == name and target in (None, item.id.target)]
    if not named:
        known = sorted({item.id.name for item in all_deployments()})
        raise UsageError(
            f"There is no deployment called '{name}' here.",
            f"Known: {', '.join(known)}." if known else "Make one with 'drucloud' or 'drucloud replay PROFILE'.",
        )
    alive = [item for item in named if item.running() or item.state().standing()] if len(named) > 1 else named
    if len(alive) == 1:
        return alive[0]
    places = ", ".join(f"{item.id.target} {item.id.account} {item.id.region}" for item in alive or named)
    raise UsageError(f"'{name}' is several deployments: {places}.", "Say which with --target.")


def _deployments() -> Path:
    path = state_root() / "deployments"
    path.mkdir(mode=0o700, exist_ok=True)
    return path
