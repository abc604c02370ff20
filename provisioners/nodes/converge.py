"""The program that runs on the node: applies one bundle and prints one JSON event a line.

Only the standard library, Python 3.11 (Debian 12) and newer: it is streamed to a bare Debian and run as root::

    python3 -I -S -c BOOT LENGTH [--check]  <  this file, then the bundle (a tar; see provisioners.nodes.bundle)

What it promises:

- files are replaced atomically, and validated by their own server before anything is told to read them; when the
  server says no, the last good files are back in place before the step is reported as failed;
- a service is reloaded or restarted only when a file it reads has changed;
- a second run of the same bundle changes nothing;
- killed at any point, the next run puts half-done files back and remembers which services must still be told;
- two runs never overlap.

``--check`` changes nothing and says what would change. ``--root DIR`` puts files and state below ``DIR`` (rehearsals
and tests); together with ``--check`` no command is run at all.

Events: ``{"step", "status", "text", "seconds"}`` with status running, ok, changed, failed, skipped or unknown;
``{"note": …}`` for the log; ``{"alive": true}`` every few seconds; last ``{"done": true, "changed": n, "failed": n}``.
"""

from __future__ import annotations

import contextlib
import fcntl
import grp
import json
import os
import pwd
import signal
import subprocess
import sys
import threading
import time

TYPE_CHECKING = False  # typing, pathlib and tarfile take as long to import as all looking does when nothing changes
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import IO, Any

DPKG = "/var/lib/dpkg"
INSTALLED = "install ok installed"
POLICY = "/usr/sbin/policy-rc.d"
STATE = "var/lib/drucloud"
LOCK = "run/lock/drucloud-converge"
ALIVE_SECONDS = 5.0
LOCK_SECONDS = 1800.0
DPKG_SECONDS = 600.0
COMMAND_SECONDS = 900.0
_ENABLED = (
    "enabled",
    "enabled-runtime",
    "static",
    "alias",
    "indirect",
    "generated",
    "transient",
)  # as is-enabled has it
TAIL = 12  # lines of a failed command's output that are shown


class StepError(Exception):
    """A step failed; the text says why, with the tail of what the command printed."""


class Events:
    """Prints events; goes on silently when nobody listens any more (the connection dropped)."""

    def __init__(self, handle: int) -> None:
        """Write to the file descriptor itself: a buffer would have to be flushed into the broken pipe at exit."""
        self._handle = handle
        self._lock = threading.Lock()
        self._deaf = False

    def send(self, **event: Any) -> None:
        """One event as one line."""
        with self._lock:
            if self._deaf:
                return
            line = json.dumps(event).encode() + b"\n"
            try:
                while line:
                    line = line[os.write(self._handle, line) :]
            except OSError:
                self._deaf = True

    def keep_alive(self) -> None:
        """Shows the reader that a silent step (a long apt) is still at work."""

        def beat() -> None:
            while True:
                time.sleep(ALIVE_SECONDS)
                self.send(alive=True)

        threading.Thread(target=beat, daemon=True).start()


def run(argv: Sequence[str], stdin: bytes = b"", seconds: float = COMMAND_SECONDS) -> tuple[int, str]:
    """Exit code and output (both streams) of a command; 127 when the program is not there, 124 after ``seconds``."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
    environment.setdefault("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    try:
        done = subprocess.run(
            list(argv),
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            env=environment,
            check=False,
        )
    except FileNotFoundError:
        return 127, f"{argv[0]} is not installed"
    except subprocess.TimeoutExpired:
        return 124, f"{argv[0]} did not finish within {seconds:.0f} s"
    return done.returncode, done.stdout.decode("utf-8", "replace")


def must(argv: Sequence[str], seconds: float = COMMAND_SECONDS) -> str:
    """Output of a command that has to succeed; raises ``StepError``."""
    code, out = run(argv, seconds=seconds)
    if code:
        tail = "\n".join(out.strip().splitlines()[-TAIL:])
        raise StepError(f"{' '.join(argv[:4])} failed with exit code {code}: {tail}")
    return out


def last_line(text: str) -> str:
    """The last line that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def wait_for(lock: Callable[[IO[str], int], None], file: IO[str], seconds: float, events: Events, note: str) -> bool:
    """Until ``lock`` (of ``fcntl``) has locked ``file``; ``note`` is said if not at once. Whether it was in time."""
    until, said = time.monotonic() + seconds, False
    while time.monotonic() < until:
        try:
            lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if not said:
                events.send(note=note)
                said = True
            time.sleep(0.5)
    return False


def read(path: str) -> bytes:
    """The bytes of a file."""
    with open(path, "rb") as file:
        return file.read()


def remove(path: str) -> None:
    """Remove a file or link that may be gone already."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def sync_folder(folder: str) -> None:
    """Make a rename in ``folder`` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def beside(path: str) -> str:
    """Where what will replace ``path`` is made: in the same folder, so that one rename does it."""
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name}.drucloud-new")


def write_atomically(path: str, content: bytes, uid: int, gid: int, mode: int) -> None:
    """Replace ``path`` in one step, synced, with its owner and mode set before it can be seen."""
    fresh = beside(path)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(content)
            os.fchown(out.fileno(), uid, gid)
            os.fchmod(out.fileno(), mode)
            out.flush()
            os.fsync(out.fileno())
    except OSError:
        os.unlink(fresh)  # on a full disk the half of it would take the room that is left
        raise
    os.replace(fresh, path)
    sync_folder(os.path.dirname(path))


class Undo:
    """The last good state of the files a step replaces, on disk before the first of them is touched."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._list = f"{folder}/undo.json"

    def keep(self, paths: Sequence[str]) -> None:
        """Remember ``paths`` as they are now."""
        os.makedirs(self._folder, mode=0o700, exist_ok=True)
        kept: list[dict[str, Any]] = []
        for number, path in enumerate(paths):
            item: dict[str, Any] = {"path": path, "kind": "absent"}
            if os.path.islink(path):
                item.update(kind="link", to=os.readlink(path))
            elif os.path.exists(path):
                found = os.stat(path)
                write_atomically(f"{self._folder}/{number}", read(path), -1, -1, 0o600)
                item.update(
                    kind="file", blob=str(number), uid=found.st_uid, gid=found.st_gid, mode=found.st_mode & 0o7777
                )
            kept.append(item)
        write_atomically(self._list, json.dumps(kept).encode(), -1, -1, 0o600)

    def restore(self) -> int:
        """Put everything kept back; how many files that were. Nothing kept: 0."""
        if not os.path.exists(self._list):
            return 0
        kept = json.loads(read(self._list))
        for item in kept:
            path = item["path"]
            if item["kind"] == "file":
                blob = read(f"{self._folder}/{item['blob']}")
                if not self._stands(path, blob, item):  # a full disk has no room for what is there already
                    write_atomically(path, blob, item["uid"], item["gid"], item["mode"])
            else:
                remove(path)
                if item["kind"] == "link":
                    os.symlink(item["to"], path)
        self.forget()
        return len(kept)

    @staticmethod
    def _stands(path: str, content: bytes, item: dict[str, Any]) -> bool:
        if os.path.islink(path) or not os.path.isfile(path) or read(path) != content:
            return False
        found = os.stat(path)
        return (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (item["uid"], item["gid"], item["mode"])

    def forget(self) -> None:
        """The new files are good: drop what was kept, its list first."""
        remove(self._list)
        if os.path.isdir(self._folder):
            for blob in os.listdir(self._folder):
                os.unlink(f"{self._folder}/{blob}")


class Converge:
    """One run of one bundle."""

    def __init__(self, root: str, check: bool, files: dict[str, bytes], events: Events) -> None:
        self.root = root
        self.check = check
        self.files = files
        self.events = events
        self.commands = not (check and root != "/")
        self.undo = Undo(self._at(f"{STATE}/undo"))
        self._pending_path = self._at(f"{STATE}/pending.json")
        self._services: list[str] = []
        self._units: dict[str, dict[str, str]] = {}

    # -- what a kind of step does; each gives (changed, text) ------------------------------------------------------

    def packages(self, step: dict[str, Any]) -> tuple[bool, str]:
        """Install what is missing of ``packages`` in one transaction."""
        wanted = step["packages"]
        missing = [name for name in wanted if name not in self._installed(wanted)]
        if not missing:
            return False, f"{len(wanted)} packages are installed"
        if self.check:
            return True, f"would install {' '.join(missing)}"
        # On a fresh machine cloud-init may still hold dpkg (facts: cloud-init may finish after sshd).
        if os.path.exists("/usr/bin/cloud-init"):
            run(["cloud-init", "status", "--wait"])
        wait = ["-o", f"DPkg::Lock::Timeout={DPKG_SECONDS:.0f}"]
        # The installation reads the new lists itself: reading them here as well is half of an update's CPU.
        must(["apt-get", "-q", *wait, "-o", "pkgCacheFile::Generate=false", "update"])
        keep = ["-o", "Dpkg::Options::=--force-confold", "-o", "Dpkg::Options::=--force-confdef"]
        with self._not_started_by_packages():
            self._wait_for_dpkg()
            must(["dpkg", "--configure", "-a"])  # what an interrupted run has left
            must(["apt-get", "-q", "-y", *wait, *keep, "install", "--no-install-recommends", *missing], seconds=3600)
        return True, f"installed {len(missing)} of {len(wanted)} packages"

    def _wait_for_dpkg(self) -> None:
        """Until nobody installs any more (unattended upgrades, a killed run's apt): apt waits by itself, dpkg fails."""
        with open(f"{DPKG}/lock-frontend", "a") as lock:
            said = "another program is installing packages here; waiting for it"
            if not wait_for(fcntl.lockf, lock, DPKG_SECONDS, self.events, said):
                raise StepError(f"another program has been installing packages for {DPKG_SECONDS:.0f} s")

    @contextlib.contextmanager
    def _not_started_by_packages(self) -> Iterator[None]:
        """Services of the bundle that do not run yet are started by their own steps only, once their files are there.

        A package would start them with Debian's files, open to the network and to be restarted at once. Maintainer
        scripts ask policy-rc.d first (its 101 forbids; invoke-rc.d(8), deb-systemd-invoke(1)). One that stands there is
        somebody else's and is left alone; ours forbids nothing any more when this run is gone.
        """
        idle = [unit for unit in self._services if self._unit(unit)[1] in ("inactive", "failed")]
        if not idle or os.path.lexists(POLICY):
            yield
            return
        import shlex  # only here: it takes longer to import than a policy to write

        # Scripts for systemd name the unit, older ones the service.
        starts = (f"{name}:start" for unit in idle for name in (unit, unit.removesuffix(".service")))
        forbid = (
            f"#!/bin/sh\ntest -d /proc/{os.getpid()} || exit 0\ncase $1 in --*) shift ;; esac\n"
            f"case $1:$2 in {'|'.join(map(shlex.quote, starts))}) exit 101 ;; esac\n"
        )
        self.undo.keep([POLICY])
        try:
            write_atomically(POLICY, forbid.encode(), 0, 0, 0o755)
            yield
        finally:
            self.undo.restore()

    def _installed(self, names: Sequence[str]) -> set[str]:
        """Which of ``names`` are installed, from dpkg's list: dpkg-query reads the same, ten times as long."""
        if not self.commands:
            return set()
        if os.listdir(f"{DPKG}/updates"):  # dpkg was interrupted, and has not put all it knows into its list yet
            _, out = run(["dpkg-query", "-W", "-f", "${Package} ${Status}\\n", *names])
            return {line.split()[0] for line in out.splitlines() if line.endswith(f" {INSTALLED}")}
        paragraphs = read(f"{DPKG}/status").decode("utf-8", "replace").split("\n\n")
        good = (paragraph.lstrip() for paragraph in paragraphs if f"\nStatus: {INSTALLED}\n" in paragraph)
        return {paragraph.partition("\n")[0].removeprefix("Package: ") for paragraph in good}.intersection(names)

    def tree(self, step: dict[str, Any]) -> tuple[bool, str]:
        """Directories, files, links and removals; validated together, or all put back."""
        folders = [item for item in step["directories"] if self._folder_differs(item)]
        files = [item for item in step["files"] if self._file_differs(item)]
        links = [item for item in step["links"] if self._link_differs(item)]
        absent = [path for path in step["absent"] if os.path.lexists(self._at(path))]
        count = len(folders) + len(files) + len(links) + len(absent)
        if not count:
            return False, "as wanted"
        changed = [item["path"] for item in (*folders, *files, *links)] + absent
        if self.check:
            return True, f"would change {' '.join(changed)}"
        for item in folders:
            self._make_folder(item)
        if files or links or absent:
            self._replace(step, files, links, absent)
        return True, f"changed {changed[0]}" if count == 1 else f"changed {count} paths"

    def _replace(self, step: dict[str, Any], files: list[Any], links: list[Any], absent: list[str]) -> None:
        paths = [self._at(item["path"]) for item in (*files, *links)] + [self._at(path) for path in absent]
        self.undo.keep(paths)
        try:
            for item in files:
                uid, gid, mode = self._owner(item)
                path = self._at(item["path"])
                os.makedirs(os.path.dirname(path), exist_ok=True)
                write_atomically(path, self.files[item["source"]], uid, gid, mode)
            for item in links:
                self._make_link(item)
            for name in absent:
                os.unlink(self._at(name))
            if step["validate"]:
                must(step["validate"], seconds=60)
        except (OSError, StepError) as error:
            self.undo.restore()
            raise StepError(f"{error} (the last good files are back in place)") from error
        self._note_pending(step)
        self.undo.forget()

    def service(self, step: dict[str, Any]) -> tuple[bool, str]:
        """Enabled and running, and told about files that changed."""
        unit = step["unit"]
        if self.check and not self.commands:
            return True, f"would start {unit}"
        told = self._pending().get(unit, "")
        enabled, state = self._unit(unit)
        doing = [] if enabled else ["enable"]
        if state != "active":
            doing.append("start")
        # A server that is just starting (first boot) may have read the old files. "start" joins that start and waits
        # for its end; only then is it told, since MariaDB hangs when it is stopped in the middle of starting.
        if told and state in ("active", "activating"):
            doing.append(told)
        if not doing:
            self._told(unit)
            return False, f"{unit} is running"
        if self.check:
            return True, f"would {' and '.join(doing)} {unit}"
        if any(known.get("NeedDaemonReload") != "no" for known in self._units.values()):
            must(["systemctl", "daemon-reload"], seconds=60)  # dear: it takes longer than the reload of a service
        for verb in doing:
            self._systemctl(verb, unit)
        self._told(unit)
        return True, f"{unit}: {', '.join(doing)}"

    def _unit(self, unit: str) -> tuple[bool, str]:
        """Whether the unit is enabled, and its state; all units of the bundle are asked at once."""
        if unit not in self._units:
            names = [unit, *(name for name in self._services if name != unit)]
            _, out = run(["systemctl", "show", "-p", "ActiveState,UnitFileState,NeedDaemonReload", *names], seconds=60)
            blocks = (dict(line.split("=", 1) for line in block.splitlines()) for block in out.split("\n\n"))
            self._units = dict(zip(names, blocks, strict=False))  # in the order of the names
        found = self._units.get(unit, {})
        return found.get("UnitFileState", "") in _ENABLED, found.get("ActiveState", "unknown")

    def _systemctl(self, verb: str, unit: str) -> None:
        code, out = run(["systemctl", verb, unit], seconds=180)
        if code:
            _, journal = run(["journalctl", "-q", "-n", str(TAIL), "-o", "cat", "-u", unit])
            raise StepError(f"systemctl {verb} {unit} failed: {last_line(out)}\n{journal.strip()}")

    def command(self, step: dict[str, Any]) -> tuple[bool, str]:
        """Run once, unless its guard says that it is done."""
        if step["unless"] and self.commands:
            code, out = run(step["unless"], seconds=120)
            if code == 0:
                return False, last_line(out) or "done already"
        if self.check:
            return True, f"would run {step['run'][0]}"
        out = must(step["run"], seconds=step["seconds"])
        self._note_pending(step)
        return True, last_line(out)

    def proof(self, step: dict[str, Any]) -> tuple[bool, str]:
        """Run until it succeeds, at most ``within`` seconds; changes nothing."""
        until = time.monotonic() + step["within"]
        while True:
            try:
                return False, last_line(must(step["run"], seconds=60))
            except StepError:
                if self.check or time.monotonic() > until:
                    raise
                time.sleep(0.5)

    # -- one path ---------------------------------------------------------------------------------------------------

    def _at(self, path: str) -> str:
        return os.path.join(self.root, path.lstrip("/"))

    def _owner(self, item: dict[str, Any]) -> tuple[int, int, int]:
        mode = int(item["mode"], 8)
        if os.geteuid() != 0:
            return -1, -1, mode
        return pwd.getpwnam(item["owner"]).pw_uid, grp.getgrnam(item["group"]).gr_gid, mode

    def _attributes_differ(self, path: str, item: dict[str, Any]) -> bool:
        found = os.stat(path)
        try:
            uid, gid, mode = self._owner(item)
        except KeyError:  # the owner comes with a package that is not installed yet
            return True
        return found.st_mode & 0o7777 != mode or uid not in (-1, found.st_uid) or gid not in (-1, found.st_gid)

    def _file_differs(self, item: dict[str, Any]) -> bool:
        path = self._at(item["path"])
        if os.path.islink(path) or not os.path.isfile(path):
            return True
        return self._attributes_differ(path, item) or read(path) != self.files[item["source"]]

    def _folder_differs(self, item: dict[str, Any]) -> bool:
        path = self._at(item["path"])
        return not os.path.isdir(path) or self._attributes_differ(path, item)

    def _make_folder(self, item: dict[str, Any]) -> None:
        path = self._at(item["path"])
        os.makedirs(path, exist_ok=True)
        uid, gid, mode = self._owner(item)
        os.chown(path, uid, gid)
        os.chmod(path, mode)

    def _link_differs(self, item: dict[str, Any]) -> bool:
        path = self._at(item["path"])
        return not os.path.islink(path) or os.readlink(path) != item["to"]

    def _make_link(self, item: dict[str, Any]) -> None:
        path = self._at(item["path"])
        os.makedirs(os.path.dirname(path), exist_ok=True)
        fresh = beside(path)
        remove(fresh)
        os.symlink(item["to"], fresh)
        os.replace(fresh, path)

    # -- services that must still be told ---------------------------------------------------------------------------

    def _pending(self) -> dict[str, str]:
        if not os.path.exists(self._pending_path):
            return {}
        pending: dict[str, str] = json.loads(read(self._pending_path))
        return pending

    def _note_pending(self, step: dict[str, Any]) -> None:
        if not step["reload"] and not step["restart"]:
            return
        pending = self._pending()
        for unit in step["reload"]:
            pending.setdefault(unit, "reload")
        pending.update(dict.fromkeys(step["restart"], "restart"))
        write_atomically(self._pending_path, json.dumps(pending).encode(), -1, -1, 0o600)

    def _told(self, unit: str) -> None:
        pending = self._pending()
        if pending.pop(unit, None) and not self.check:
            write_atomically(self._pending_path, json.dumps(pending).encode(), -1, -1, 0o600)

    # -- the whole --------------------------------------------------------------------------------------------------

    def apply(self, steps: Sequence[dict[str, Any]]) -> tuple[int, int]:
        """All steps in order, up to the first that fails; how many changed something and how many failed."""
        if not self.check:
            os.makedirs(self._at(STATE), mode=0o700, exist_ok=True)
            if restored := self.undo.restore():
                self.events.send(note=f"put back {restored} files that an interrupted run had left half done")
        self._services = [step["unit"] for step in steps if step["kind"] == "service"]
        changed = 0
        for number, step in enumerate(steps):
            status = self._step(step)
            if status == "changed":
                changed += 1
                self._units.clear()
            if status == "failed":
                for rest in steps[number + 1 :]:
                    self.events.send(step=rest["id"], status="skipped", text=f"after {step['id']} failed", seconds=0.0)
                return changed, 1
        return changed, 0

    def _step(self, step: dict[str, Any]) -> str:
        began = time.monotonic()
        self.events.send(step=step["id"], status="running", text="", seconds=0.0)
        if step["kind"] == "check" and not self.commands:
            status, text = "unknown", "needs the software (nothing is installed in a rehearsal)"
        else:
            act = {"packages": self.packages, "files": self.tree, "service": self.service, "command": self.command}
            try:
                changed, text = act.get(step["kind"], self.proof)(step)
                status = "changed" if changed else "ok"
            except (StepError, OSError, KeyError) as error:
                status, text = "failed", str(error) if not isinstance(error, KeyError) else f"there is no {error}"
        if self.check:  # "skipped": would be changed; a proof that fails now may well hold after those changes
            failed = "unknown" if step["kind"] == "check" else "failed"
            status = {"changed": "skipped", "failed": failed}.get(status, status)
        seconds = round(time.monotonic() - began, 3)
        self.events.send(step=step["id"], status=status, text=text, seconds=seconds)
        return status


@contextlib.contextmanager
def only_one(root: str, events: Events) -> Iterator[None]:
    """Hold the lock; wait for another run to end (its connection dropped, but it goes on)."""
    path = os.path.join(root, LOCK)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    said = "another converge is still running here; waiting for it"
    with open(path, "w") as lock:
        if not wait_for(fcntl.flock, lock, LOCK_SECONDS, events, said):
            raise StepError("another converge has held the lock for half an hour")
        yield


BLOCK = 512  # of a tar


def read_bundle(stream: IO[bytes]) -> tuple[list[dict[str, Any]], dict[str, bytes]]:
    """The manifest's steps and the files of a bundle: a tar of plain files, as :mod:`provisioners.nodes.bundle` writes.

    (POSIX.1-1988's ustar: name in the first 100 bytes, size as octal digits at 124, a prefix of the name at 345.)
    """
    files: dict[str, bytes] = {}
    while (header := stream.read(BLOCK)).strip(b"\0"):
        if header[257:262] != b"ustar" or header[156:157] not in (b"0", b"\0"):
            raise StepError("the bundle is not a tar of plain files")
        name, prefix = (part.split(b"\0", 1)[0].decode() for part in (header[:100], header[345:500]))
        size = int(header[124:136].strip(b" \0"), 8)
        content = stream.read(-(-size // BLOCK) * BLOCK)
        if len(content) < size:
            raise StepError("the bundle ends in the middle")
        files[f"{prefix}/{name}" if prefix else name] = content[:size]
    if "manifest.json" not in files:
        raise StepError("the bundle ends before its manifest")
    steps: list[dict[str, Any]] = json.loads(files.pop("manifest.json"))["steps"]
    return steps, files


def main(arguments: Sequence[str]) -> int:
    """Apply the bundle on standard input; exit code 1 when a step failed."""
    check = "--check" in arguments
    root = arguments[arguments.index("--root") + 1] if "--root" in arguments else "/"
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.umask(0o022)
    events = Events(sys.stdout.fileno())
    events.keep_alive()
    try:
        steps, files = read_bundle(sys.stdin.buffer)
        with contextlib.nullcontext() if check else only_one(root, events):
            changed, failed = Converge(root, check, files, events).apply(steps)
    except (StepError, OSError) as error:
        events.send(note=str(error))
        changed, failed = 0, 1
    events.send(done=True, changed=changed, failed=failed)
    return 1 if failed else 0


if __name__ == "__main__":
    os._exit(main(sys.argv[1:]))  # every event is written; taking the interpreter apart would only take time
