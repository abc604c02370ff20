"""``Drucloud::Image``: the golden image of a web server, from which an Auto Scaling group makes as many as it wants.

A builder is run from Debian's image, converged to the role ``web`` over SSH, given the site's commit, proven, scrubbed
and stopped; its disk becomes an AMI, and the builder is terminated. Nothing here waits for the database. An image is
known by its key, a digest of everything that is in it: as long as the key is the same there is nothing to do, and a
killed run goes on from what it finds by its tags. A builder that still runs then is not trusted: it is made anew.
"""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from profiles.errors import FailedError
from provisioners.aws import images
from provisioners.aws.errors import Operation, explain, worth_retrying
from provisioners.aws.images import Image, Owner
from provisioners.engine.kinds import Child, StepContext, StepResult
from provisioners.engine.pace import Pace, pace_of
from provisioners.engine.stop import StoppedError
from provisioners.nodes import bundle, git_access, git_address, keys
from provisioners.nodes.apply import Applied
from provisioners.nodes.bundle import Bundle
from provisioners.nodes.reach import Machine
from provisioners.nodes.site import DATABASE_CA, repository

T = TypeVar("T")

Configure = Callable[[StepContext, Machine, Bundle], Applied]
Settings = Callable[[Mapping[str, Any], StepContext], dict[str, Any]]
Newest = Callable[[StepContext], str]

KEPT = 2
"""Images that stay: the newest and the one before it, to which one could go back. Destroy removes all."""

POLL_SECONDS = 5.0
"""Pause between two looks at a state, on real AWS."""

_BAKING = (
    Child("bake-builder", "Builder is up"),
    Child("bake-stop", "Builder is stopped"),
    Child("bake-image", "Image is available"),
)


def newest_commit(context: StepContext) -> str:
    """The commit at the branch's head, asked from here with the deploy key."""
    properties = context.properties
    url, host_key = repository(properties, context)
    key = keys.deploy_key(context.folder).path
    return git_access.test(url, key, host_key, properties["Branch"], context.target.dialer).commit


def image_settings(properties: Mapping[str, Any], context: StepContext, commit: str) -> dict[str, Any]:
    """What the role ``image`` may use: the site's settings, without what only a server of the group will know."""
    url, host_key = repository(properties, context)
    address = git_address.parse(url)
    return {
        "branch": properties["Branch"],
        "commit": commit,
        "database": {"ca": DATABASE_CA, "host": "", "name": properties["DatabaseName"], "port": 3306},
        "deploy_key_secret_arn": properties["DeployKeySecretArn"],
        "deployment": properties["Deployment"],
        "docroot": properties["Docroot"],
        "domain": properties.get("DomainName") or "",
        "git_host": address.host,
        "git_host_key": host_key,
        "git_port": address.port,
        "memcached": [],
        "secret_arn": "",
        "services": {},
        "url": address.url,
    }


class ImageStep:
    """``Drucloud::Image``.

    :param configure: converges a machine to a bundle (``nodes.steps.converge``).
    :param settings: what the role ``web`` may use (``nodes.steps.node_settings``).
    :param newest: the commit that is to be in the image.
    """

    type = "Drucloud::Image"
    expected_seconds = 420.0

    def __init__(self, configure: Configure, settings: Settings, newest: Newest = newest_commit) -> None:
        self._configure = configure
        self._settings = settings
        self._newest = newest

    def children(self, properties: Mapping[str, Any]) -> Sequence[Child]:
        """The builder, its two roles, and what becomes of it."""
        return (_BAKING[0], *bundle.outline("web"), *bundle.outline("image"), *_BAKING[1:])

    async def run(self, context: StepContext) -> StepResult:
        """Make the image unless there is one of the same key; an older one is kept, all before it go."""
        return await context.in_thread(self._run, context)

    async def undo(self, context: StepContext) -> None:
        """Builders, images and snapshots cost money and are nobody else's."""
        await context.in_thread(_remove_everything, context)

    def _run(self, context: StepContext) -> StepResult:
        commit = self._newest(context)
        wanted = [
            bundle.render("web", self._settings({**context.properties, "Host": ""}, context)),
            bundle.render("image", image_settings(context.properties, context, commit)),
        ]
        work = _Bakery(context, _key(context.properties, wanted))
        image = work.find()
        made = image is None
        if image is None:
            image = work.bake(lambda builder: [self._configure(context, builder, one) for one in wanted])
        image = work.until_available(image)
        work.tidy(image)
        attributes = {"ImageId": image.id, "Commit": commit}
        summary = f"{image.id} of commit {commit[:12]}" + (", made now" if made else "")
        return StepResult(made, summary, attributes)


def _key(properties: Mapping[str, Any], wanted: Sequence[Bundle]) -> str:
    """What is in the image, in short: the roles with the commit, and the builder they are applied to."""
    builder = {key: properties["Builder"][key] for key in ("ImageId", "InstanceType", "BlockDeviceMappings")}
    text = json.dumps([builder, *(one.digest for one in wanted)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class _Bakery:
    """One image in the making: blocking calls, each sent again where that helps."""

    def __init__(self, context: StepContext, key: str) -> None:
        self._context = context
        self._aws = context.target.aws
        self._pace: Pace = pace_of(context.target.name)
        self._key = key
        self._owner = _owner(context)

    def find(self) -> Image | None:
        """The image of this key that is there or on its way."""
        usable = [image for image in self._images() if image.key == self._key and image.state != "failed"]
        return usable[0] if usable else None

    def bake(self, configure: Callable[[Machine], Any]) -> Image:
        """Make it, from a builder that is stopped already (then it was scrubbed) or from a new one."""
        builder = self._stopped() or self._configured(configure)
        self._patiently("create", images.create, self._aws, self._owner, self._key, builder)
        return self._until(self.find, "an image that was just made is not listed yet")

    def until_available(self, image: Image) -> Image:
        """Wait for it, as long as that takes, and let go of the builder."""

        def available() -> Image | None:
            (seen,) = (one for one in self._images() if one.id == image.id)
            if seen.state == "failed":
                why = seen.reason or "AWS says no more"
                raise FailedError(f"Image {seen.id} failed: {why}.", "Resume to try again.")
            return seen if seen.state == "available" else None

        ready = self._until(available, f"{image.id} is pending")
        self._context.child("bake-image", "ok", ready.id)
        for builder in self._builders():
            self._patiently("delete", images.terminate, self._aws, builder)
        return ready

    def tidy(self, image: Image) -> None:
        """Remove what is older than the image before this one, and images that failed."""
        older = [one for one in self._images() if one.id != image.id]
        good = [one for one in older if one.state == "available"]
        for one in [*good[KEPT - 1 :], *(one for one in older if one.state == "failed")]:
            self._patiently("delete", images.remove, self._aws, one)

    def _stopped(self) -> str:
        """A builder that an earlier run had finished; all others go."""
        found = ""
        for name, row in self._builders().items():
            tags = {pair["Key"]: pair["Value"] for pair in row.get("Tags", ())}
            if not found and tags.get(images.IMAGE) == self._key and row["State"]["Name"] in ("stopping", "stopped"):
                found = name
            else:
                self._patiently("delete", images.terminate, self._aws, name)
        if found:
            self._until_state(found, "stopped")
        return found

    def _configured(self, configure: Callable[[Machine], Any]) -> str:
        """A new builder, configured and stopped; the scrubbing is the last thing that was done to it."""
        context = self._context
        context.child("bake-builder", "running")
        token = uuid.uuid4().hex  # of this attempt: a terminated builder's token would give it back
        wanted = context.properties["Builder"]
        builder = self._patiently("create", images.run_builder, self._aws, self._owner, self._key, wanted, token)
        row = self._until_state(builder, "running")
        context.child("bake-builder", "changed", builder)
        configure(_machine(context.properties, row))
        context.child("bake-stop", "running")
        self._patiently("change", images.stop, self._aws, builder)
        self._until_state(builder, "stopped")
        context.child("bake-stop", "changed")
        return builder

    def _until_state(self, builder: str, state: str) -> Mapping[str, Any]:
        def there() -> Mapping[str, Any] | None:
            row = self._patiently("observe", images.state_of, self._aws, builder)
            now = row.get("State", {}).get("Name", "pending")
            if now in ("shutting-down", "terminated"):
                why = row.get("StateReason", {}).get("Message", "")
                raise FailedError(f"The image's builder {builder} was terminated: {why}", "Resume to try again.")
            return row if now == state else None

        return self._until(there, f"the builder {builder} is not {state} yet")

    def _until(self, look: Callable[[], T | None], why: str) -> T:
        """What ``look`` gives, once it gives something; a stop ends the wait."""
        while (found := look()) is None:
            if self._context.stopping:
                raise StoppedError
            self._context.progress(why)
            time.sleep(POLL_SECONDS * self._pace.poll)
        return found

    def _images(self) -> list[Image]:
        return self._patiently("observe", images.images, self._aws, self._owner)

    def _builders(self) -> dict[str, dict[str, Any]]:
        return self._patiently("observe", images.builders, self._aws, self._owner)

    def _patiently(self, operation: Operation, call: Callable[..., T], *given: Any) -> T:
        """``call``, sent again for as long as that can help; each of them may be sent twice."""
        until = time.monotonic() + self._pace.patience
        while True:
            try:
                return call(*given)
            except Exception as error:
                if not worth_retrying(error, operation) or time.monotonic() > until:
                    raise explain(error, "Making the golden image") from error
                self._context.progress("trying again: AWS is not ready for it yet")
                time.sleep(self._pace.first_pause)


def _owner(context: StepContext) -> Owner:
    return Owner(context.deployment.name, context.logical_id)


def _machine(properties: Mapping[str, Any], row: Mapping[str, Any]) -> Machine:
    """How the builder is reached: through the admin node, whatever addresses it has."""
    return Machine(
        instance_id=str(row["InstanceId"]),
        host=str(row["PrivateIpAddress"]),
        host_public="",
        entrance_group=properties["EntranceGroup"],
        via=properties["Via"],
        via_instance_id=properties["ViaInstanceId"],
    )


def _remove_everything(context: StepContext) -> None:
    aws, owner = context.target.aws, _owner(context)
    for builder in images.builders(aws, owner):
        images.terminate(aws, builder)
    for image in images.images(aws, owner):
        images.remove(aws, image)
    images.remove_snapshots(aws, owner)
    while gone := images.builders(aws, owner):
        context.progress(f"{', '.join(gone)} is shutting down")
        time.sleep(POLL_SECONDS * pace_of(context.target.name).poll)
