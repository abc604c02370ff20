"""Making one AWS resource, so that it is never lost and never made twice.

The intent is on disk before the call, the identity after it. Between the two lies the only doubt there is, and
:func:`look_for` resolves it: what the call may have made is looked for before it is sent again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from profiles.errors import FailedError
from provisioners.aws.errors import classify
from provisioners.engine import events as ev
from provisioners.engine.calls import Tell
from provisioners.engine.context import RunContext
from provisioners.engine.kinds import Observed, ResourceKind, Wanted
from provisioners.engine.plan import PlanLine
from provisioners.engine.state import StepState


async def create(run: RunContext, line: PlanLine, before: StepState | None, properties: Mapping[str, Any]) -> Observed:
    """Bring ``line`` into being and wait until it is ready, from wherever an earlier run left it."""
    kind = run.kinds[line.type]
    tell = run.tell(line.id)
    identity = None
    token = run.new_token(line.id)
    if before and _stands(run, before):
        identity, token = before.identity, before.token
    elif before and before.pending_operation == "create":
        identity = await _adopt(run, before)
        same = _plain(before.properties) == _plain(properties)
        if identity and not same:
            raise FailedError(
                f"{line.label} was being made with other settings when the last run ended.",
                "Run it again: it will be replaced.",
            )
        token = before.token if same else token
    wanted = run.wanted(line, properties, token)
    identity = identity or await _send_until_answered(run, kind, wanted, tell)
    await run.calls.safely("settle", tell, kind.settle, run.target.aws, identity, wanted)
    return await until_ready(run, line, identity)


async def until_ready(
    run: RunContext, line: PlanLine | StepState, identity: str, grace: float | None = None
) -> Observed:
    """Wait until AWS says that it is ready, as long as that takes.

    :param grace: for how long it is not believed that a thing just made is absent; default: the target's.
    """
    begun = time.monotonic()
    longest = run.calls.pace.visible if grace is None else grace

    def ready(seen: Observed) -> bool:
        run.show_parts(line.id, seen)
        if seen.status == "failed":
            raise FailedError(f"{line.label} did not come up: AWS says '{seen.detail}'.", "Resume to try it again.")
        if seen.status == "absent" and time.monotonic() - begun > longest:
            raise FailedError(f"{line.label} ({identity}) has vanished.", "Run the deployment again to make it anew.")
        return seen.status == "ready"

    return await run.watch.until(line.type, identity, ready, run.tell(line.id))


async def look_for(run: RunContext, kind: ResourceKind, wanted: Wanted, tell: Tell) -> str | None:
    """What an unanswered create made; looked for as long as AWS may need to show it."""
    begun = time.monotonic()
    pause = run.calls.pace.first_pause
    while True:
        identity = await run.calls.safely("observe", tell, kind.find, run.target.aws, wanted)
        if identity is not None or time.monotonic() - begun > run.calls.pace.visible:
            return identity
        tell("an earlier call was not answered; looking for what it made")
        await run.stop.sleep(pause)
        pause = min(pause * 2, run.calls.pace.longest_pause)


def _stands(run: RunContext, before: StepState) -> bool:
    """Whether an interrupted run made it and knows its identity."""
    seen = run.observed.get(before.id)
    return bool(before.identity) and not before.pending_operation and seen is not None and seen.status != "absent"


async def _adopt(run: RunContext, before: StepState) -> str | None:
    """The thing that an intent without an answer made, if it did."""
    wanted = run.wanted(before, before.properties, before.token)
    identity = await look_for(run, run.kinds[before.type], wanted, run.tell(before.id))
    if identity is not None:
        await run.store(ev.IdentityStored(before.id, identity))
    return identity


async def _send_until_answered(run: RunContext, kind: ResourceKind, wanted: Wanted, tell: Tell) -> str:
    """The identity, after as many tries as it takes; each unanswered one is looked for before the next."""
    tries = run.calls.tries("create", tell)
    while True:
        try:
            return await run.calls.once(_send, run, kind, wanted)
        except Exception as error:
            if classify(error) == "unknown" and (identity := await look_for(run, kind, wanted, tell)) is not None:
                await run.store(ev.IdentityStored(wanted.logical_id, identity))
                return identity
            try:
                await tries.again(error)
            except Exception:
                if classify(error) not in ("unknown", "unreachable"):
                    await run.store(ev.IdentityStored(wanted.logical_id, ""))  # a plain no: nothing was made
                raise


def _send(run: RunContext, kind: ResourceKind, wanted: Wanted) -> str:
    """Intent, call, identity: in one thread, so that nothing can come between them but the end of the process."""
    run.journal.append(ev.IntentStored(wanted.logical_id, "create", wanted.token, wanted.properties))
    identity = kind.create(run.target.aws, wanted)
    run.journal.append(ev.IdentityStored(wanted.logical_id, identity))
    return identity


def _plain(properties: Mapping[str, Any]) -> str:
    return json.dumps(properties, sort_keys=True)
