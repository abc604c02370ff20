"""The supervisor with the in-memory host, and moto's enforcement of IAM from the first call on."""

from __future__ import annotations

import sys
from typing import Any

from moto import settings
from moto.iam.access_control import IAMRequestBase

from provisioners.sandbox.supervisor import serve
from tests.provisioners.sandbox.api.fake_host import FakeHost

UNENFORCED = frozenset({"cloudfront", "elasticfilesystem", "route53"})
"""Services whose every call moto denies, whatever the policy says."""

_permitted = IAMRequestBase.check_action_permitted


def _check(self: Any, resource: str) -> None:
    """Whom no policy limits may do everything, so that the test has somebody to hand policies out."""
    if self._service not in UNENFORCED and self._access_key.collect_policies():
        _permitted(self, resource)


if __name__ == "__main__":
    IAMRequestBase.check_action_permitted = _check  # type: ignore[method-assign]
    IAMRequestBase.check_signature = lambda self: None  # type: ignore[method-assign]  # the sandbox's gate has checked it
    settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
    sys.exit(serve(sys.argv[1:], open_host=lambda mode, progress: FakeHost(), open_git=None, sweep=lambda: None))
