"""``--version`` is answered before the command line is loaded."""

import subprocess
import sys


def test_version_loads_next_to_nothing() -> None:
    program = (
        "import sys; sys.argv=['drucloud','--version']; "
        "from drucloud_tui.__main__ import main; main(); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    first, modules = done.stdout.splitlines()
    assert first.startswith("drucloud ")
    assert not {"click", "textual", "boto3", "pydantic", "yaml"} & set(modules.split())
