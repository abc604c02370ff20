"""Child processes that never outlive us.

Each child is started and awaited by a thread of its own, because the kernel's parent-death signal goes out when the
*thread* that started the child ends. A ``kill -9`` of our process therefore takes every child along.
"""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

_START_TIMEOUT = 10.0


class Child:
    """One running program.

    :param argv: the program; it gets ``SIGKILL`` when this process dies.
    :param output: file that its output is appended to.
    :param restart_on: exit code after which it is started again (a guest that reboots), or ``None``.
    :param cgroups: cgroup folders it enters before it runs.
    :param ended: called with the exit code, from the child's own thread, when it ended for good.
    """

    def __init__(
        self,
        argv: Sequence[str],
        output: Path,
        *,
        restart_on: int | None = None,
        cgroups: Sequence[Path] = (),
        env: dict[str, str] | None = None,
        pass_fds: Sequence[int] = (),
        ended: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._argv = _wrapped(argv, cgroups)
        self._output = output
        self._restart_on = restart_on
        self._env = env
        self._pass_fds = tuple(pass_fds)
        self._ended = ended
        self._started = threading.Event()
        self._error: OSError | None = None
        self._lock = threading.Lock()
        self._stopping = False
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, name=f"child {argv[0]}", daemon=True)
        self._thread.start()
        self._started.wait(_START_TIMEOUT)
        if self._error is not None:
            raise self._error

    @property
    def pid(self) -> int:
        """The process's id; after a restart that of the new one."""
        if self._process is None:
            raise RuntimeError("the child never started")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it runs or is about to be started again."""
        return self._thread.is_alive()

    def signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                self._process.send_signal(number)

    def stop(self, number: int, grace: float) -> bool:
        """Send ``number``, wait ``grace`` seconds, then kill; whether it ended within the grace."""
        self._stopping = True
        self.signal(number)
        if self.wait(grace):
            return True
        self.signal(9)
        self.wait(10.0)
        return False

    def wait(self, timeout: float) -> bool:
        """Whether it ended for good within ``timeout`` seconds."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        code = -1
        try:
            while True:
                with self._output.open("ab") as output, self._lock:
                    self._process = subprocess.Popen(
                        self._argv,
                        stdin=subprocess.DEVNULL,
                        stdout=output,
                        stderr=subprocess.STDOUT,
                        env=self._env,
                        pass_fds=self._pass_fds,
                        start_new_session=True,
                    )
                self._started.set()
                code = self._process.wait()
                if self._stopping or code != self._restart_on:
                    break
        except OSError as error:
            self._error = error
        finally:
            self._started.set()
            self._ended(code)


def _wrapped(argv: Sequence[str], cgroups: Sequence[Path]) -> list[str]:
    """``argv`` with the parent-death signal, entering ``cgroups`` first."""
    enter = 'while [ "$1" != -- ]; do echo $$ > "$1/cgroup.procs" || exit 125; shift; done; shift; exec "$@"'
    folders = [str(path) for path in cgroups]
    return ["setpriv", "--pdeathsig", "KILL", "sh", "-c", enter, "sh", *folders, "--", *argv]
