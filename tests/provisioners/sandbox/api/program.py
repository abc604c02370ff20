"""The supervisor with the in-memory host: what ``ensure(program=…)`` starts in these tests."""

from __future__ import annotations

import sys

from provisioners.sandbox.supervisor import serve
from tests.provisioners.sandbox.api.fake_host import FakeHost

if __name__ == "__main__":
    sys.exit(serve(sys.argv[1:], open_host=lambda mode, progress: FakeHost(), open_git=None, sweep=lambda: None))
