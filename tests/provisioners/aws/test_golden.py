"""The golden image against the strict API: made once, anew for a new commit, taken up after a kill, gone at the end."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from profiles.errors import FailedError
from provisioners.aws import images
from provisioners.aws.images import Owner
from provisioners.nodes.apply import Applied
from provisioners.nodes.golden import ImageStep
from provisioners.nodes.steps import node_settings
from provisioners.target import Target

from . import cases_compute as cases
from . import test_lifecycle as lifecycle
from .stack import DEPLOYMENT, Stack

OWNER = Owner(DEPLOYMENT.name, "Image")


@dataclass
class Context:
    """A step's context that runs everything in the calling thread."""

    target: Target
    properties: dict[str, Any]
    folder: str
    deployment: Any = DEPLOYMENT
    logical_id: str = "Image"
    stopping: bool = False
    children: list[tuple[str, str]] = field(default_factory=list)

    def progress(self, text: str) -> None:
        pass

    def log(self, text: str) -> None:
        pass

    def finding(self, finding: Any) -> None:
        pass

    def child(self, child: str, status: str, text: str = "", seconds: float = 0.0) -> None:
        self.children.append((child, status))

    async def in_thread(self, call: Any, *given: Any) -> Any:
        return call(*given)


class Bench:
    """A step over one commit, and what it has configured."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.commit = "1" * 40
        self.configured: list[str] = []
        self.fail = False

    def configure(self, context: Any, machine: Any, wanted: Any) -> Applied:
        if self.fail:
            raise FailedError("cut off")
        self.configured.append(wanted.role)
        assert machine.host and machine.via == "192.0.2.1"
        return Applied({})

    def bake(self) -> Any:
        step = ImageStep(self.configure, node_settings, lambda context: self.commit)
        return step._run(self.context)  # type: ignore[arg-type]

    def undo(self) -> None:
        from provisioners.nodes.golden import _remove_everything

        _remove_everything(self.context)  # type: ignore[arg-type]


@pytest.fixture
def bench(stack: Stack, target: Target, tmp_path: Path) -> Bench:
    server = lifecycle._instance(stack)
    data = cases.template(server)["LaunchTemplateData"]
    settings = {"Deployment": "trial", "DomainName": "", "Docroot": "web", "MicroCache": True, "MicroCacheSeconds": 40}
    properties = {
        "Builder": {**data, "SubnetId": server["SubnetId"]},
        "Settings": settings,
        "MemoryMiB": 2048,
        "Vcpu": 2,
        "Deployment": "trial",
        "Repository": "git@github.com:example/site.git",
        "Branch": "main",
        "Docroot": "web",
        "DatabaseName": "drupal",
        "DeployKeySecretArn": "arn:aws:secretsmanager:x",
        "EntranceGroup": "sg-1",
        "Via": "192.0.2.1",
        "ViaInstanceId": "i-1",
    }
    return Bench(Context(target, properties, str(tmp_path)))


def test_an_image_is_made_once_and_anew_for_a_new_commit(bench: Bench, stack: Stack) -> None:
    first = bench.bake()
    assert first.changed and bench.configured == ["web", "image"]
    (image,) = images.images(stack.aws, OWNER)
    assert (image.id, image.state) == (first.attributes["ImageId"], "available")
    (row,) = stack.aws.client("ec2").describe_images(ImageIds=[image.id])["Images"]
    assert not row["Public"] and row["BlockDeviceMappings"][0]["Ebs"]["Encrypted"]
    assert images.builders(stack.aws, OWNER) == {}

    assert not bench.bake().changed and bench.configured == ["web", "image"]

    made = []
    for number in "23":
        bench.commit = number * 40
        made.append(bench.bake().attributes["ImageId"])
    assert [one.id for one in images.images(stack.aws, OWNER)] == made[::-1], "the newest and the one before it"
    bench.undo()
    assert images.images(stack.aws, OWNER) == []


def test_a_builder_that_was_being_configured_is_not_trusted_after_a_kill(bench: Bench, stack: Stack) -> None:
    bench.fail = True
    with pytest.raises(FailedError, match="cut off"):
        bench.bake()
    (left,) = images.builders(stack.aws, OWNER)
    bench.fail = False
    bench.bake()
    assert bench.configured == ["web", "image"]
    assert left not in images.builders(stack.aws, OWNER)
    bench.undo()


def test_a_builder_that_was_stopped_is_taken_up_after_a_kill(bench: Bench, stack: Stack) -> None:
    bench.bake()
    (image,) = images.images(stack.aws, OWNER)
    images.remove(stack.aws, image)
    builder = images.run_builder(stack.aws, OWNER, image.key, bench.context.properties["Builder"], "t" * 32)
    until(stack, builder, "running")
    images.stop(stack.aws, builder)
    bench.configured.clear()
    again = bench.bake()
    assert again.changed and bench.configured == [], "it was scrubbed before it was stopped"
    bench.undo()


def until(stack: Stack, instance_id: str, state: str) -> None:
    end = time.monotonic() + 60
    while images.state_of(stack.aws, instance_id)["State"]["Name"] != state:
        assert time.monotonic() < end
        time.sleep(0.05)
