"""The system packages that drucloud's sandbox wants, installed in one announced transaction.

``python -m provisioners.sandbox.setup --check`` names what is missing; ``--install`` installs it, where the user is
root on Debian or Ubuntu, in a single apt transaction that is announced first. Anywhere else it says what to do and that
the sandbox will rehearse; that is no failure.

It runs before there is a virtual environment, so it needs nothing but the standard library.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from provisioners.sandbox.programs import PROGRAMS, find_program

_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def missing() -> list[str]:
    """Debian packages that are not there yet, sorted."""
    packages = {package for program, package in PROGRAMS.items() if not find_program(program)}
    if not _KEYRING.exists():
        packages.add("debian-archive-keyring")
    if importlib.util.find_spec("ensurepip") is None:  # Debian splits it off: no virtual environment without it
        packages.add("python3-venv")
    return sorted(packages)


def can_install() -> bool:
    """Whether this is root on a system with apt."""
    return sys.platform == "linux" and os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(packages: list[str]) -> int:
    """Announce and run the transaction; apt's exit code."""
    _say(f"The sandbox needs these system packages, installing them with apt: {' '.join(packages)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    update = subprocess.run(["apt-get", "update", "-qq"], env=environment, stdout=sys.stderr.fileno(), check=False)
    if update.returncode:
        return update.returncode
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    # A freshly installed package cache would start at once; the sandbox runs its own, on its own port.
    with _services_stay_down():
        return subprocess.run(command, env=environment, stdout=sys.stderr.fileno(), check=False).returncode


@contextlib.contextmanager
def _services_stay_down() -> Iterator[None]:
    """While packages are installed their services are not started (Debian's policy-rc.d), unless a policy is there."""
    policy = Path("/usr/sbin/policy-rc.d")
    if policy.exists():
        yield
        return
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink(missing_ok=True)


def main(arguments: list[str] | None = None) -> int:
    """The command; 0 unless an installation was tried and failed."""
    parser = argparse.ArgumentParser(
        prog="python -m provisioners.sandbox.setup", description="The system packages of the sandbox."
    )
    choice = parser.add_mutually_exclusive_group(required=True)
    choice.add_argument("--check", action="store_true", help="name what is missing")
    choice.add_argument("--install", action="store_true", help="install it (root on Debian or Ubuntu)")
    options = parser.parse_args(arguments)
    packages = missing()
    if not packages:
        return 0
    names = " ".join(packages)
    if options.check or not can_install():
        _say(f"Without these system packages the sandbox rehearses (nothing is installed): {names}")
        _say(f"To have real machines: sudo apt-get install {names}")
        return 0
    if install(packages):
        _say(f"The packages could not be installed. Install them yourself ({names}), or use SETUP=no to rehearse.")
        return 1
    return 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
