"""Taking one AWS resource down, so that nothing that costs money is forgotten."""

from __future__ import annotations

from profiles.errors import FailedError
from provisioners.engine import events as ev
from provisioners.engine.context import RunContext
from provisioners.engine.creation import look_for
from provisioners.engine.kinds import Observed
from provisioners.engine.state import StepState


async def delete(run: RunContext, standing: StepState, policy: str) -> None:
    """Delete what stands, or may stand because an intent was never answered, and wait until it is gone.

    ``standing`` is from the journal: its identity, its intent, the properties it was made with.
    """
    kind = run.kinds[standing.type]
    tell = run.tell(standing.id)
    identity = standing.identity
    if not identity and standing.pending_operation == "create":
        wanted = run.wanted(standing, standing.properties, standing.token)
        identity = await look_for(run, kind, wanted, tell) or ""
    if identity:
        await run.calls.safely("delete", tell, _send, run, standing, identity, policy)

        def gone(seen: Observed) -> bool:
            run.show_parts(standing.id, seen)
            return _gone(standing, seen)

        await run.watch.until(standing.type, identity, gone, tell)
    await run.store(ev.IdentityStored(standing.id, ""))


def _send(run: RunContext, standing: StepState, identity: str, policy: str) -> None:
    token = run.deployment.token(run.incarnation, standing.id, "delete", run.run)
    run.journal.append(ev.IntentStored(standing.id, "delete", token))
    run.kinds[standing.type].delete(run.target.aws, identity, standing.properties, policy)


def _gone(standing: StepState, seen: Observed) -> bool:
    if seen.parts and seen.status == "failed":  # a stack that cannot delete something stays; it does not try again
        raise FailedError(f"{standing.label} was not deleted: {seen.detail}.", "See to that, then destroy again.")
    return seen.status == "absent"
