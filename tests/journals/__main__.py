import sys
from pathlib import Path

from tests.journals import record

print(record(Path(sys.argv[1]), sys.argv[2]), "events")
