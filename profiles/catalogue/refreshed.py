"""Prices read from AWS's own price list on this machine: they go before the dated tables, region by region.

One JSON file a region below the cache folder, written by ``drucloud prices refresh``. Deleting it is harmless: the
tables that come with drucloud hold again.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from profiles.errors import FailedError
from profiles.places import cache_root

FORMAT = 1

Table = dict[str, dict[str, Any]]


def load(region: str) -> Mapping[str, Any]:
    """What was read for ``region``; empty when nothing was, or by a drucloud that wrote another format.

    ``as_of``, ``source``, and a table each for ``ec2``, ``rds``, ``elasticache`` and ``services``.

    :raises FailedError: the file is damaged.
    """
    return _read(str(_path(region)))


def save(region: str, as_of: str, source: str, tables: Mapping[str, Table]) -> Path:
    """Keep what was read; the next estimate uses it. Written at once or not at all."""
    path = _path(region)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    text = json.dumps({"format": FORMAT, "region": region, "as_of": as_of, "source": source, **tables}, indent=1)
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    _read.cache_clear()
    return path


def _path(region: str) -> Path:
    return cache_root() / "prices" / f"{region}.json"


@cache
def _read(path: str) -> Mapping[str, Any]:
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise FailedError(f"The prices in {path} cannot be read: {error}.", "Delete the file.") from None
    return data if isinstance(data, dict) and data.get("format") == FORMAT else {}
