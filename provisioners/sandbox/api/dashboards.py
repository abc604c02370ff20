"""CloudWatch dashboards: the tags that PutDashboard sets, which moto passes over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.cloudwatch.responses import CloudWatchResponse

from provisioners.sandbox.api.extend import around
from provisioners.sandbox.api.world import World


@around(CloudWatchResponse, "put_dashboard")
def _put(_: World, original: Callable[..., Any], response: Any) -> Any:
    answer = original()
    backend, name = response.cloudwatch_backend, response._get_param("DashboardName")
    if tags := response._get_param("Tags"):
        backend.tagger.tag_resource(backend.dashboards[name].arn, tags)
    return answer
