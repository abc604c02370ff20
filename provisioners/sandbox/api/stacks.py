"""CloudFormation over moto's: change sets are executed in the background, resource by resource, in order.

moto reads templates, parameters and change sets; it makes everything inside one call, knows no order but that of
references, and tells no resource's state. Here an execution returns at once, each resource begins when what it needs
stands, every state is a stack event, and a failure leaves the stack where it is (``DisableRollback``; without it, what
was made is deleted again).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter
from typing import Any
from urllib.parse import urlsplit

import boto3
from moto.cloudformation import parsing
from moto.cloudformation.models import Change, ChangeSet, Stack
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.responses import ActionResult, EmptyResult

from provisioners.aws.kinds import KINDS
from provisioners.aws.session import Aws
from provisioners.blueprint.graph import references
from provisioners.sandbox.api import keys
from provisioners.sandbox.api.extend import Refused, around, computed
from provisioners.sandbox.api.sigv4 import Signature
from provisioners.sandbox.api.stack_resources import WORK, Made, Work, model
from provisioners.sandbox.api.world import World

HANDS = 8
"""Resources of a stack that are worked on at the same time."""

_log = logging.getLogger(__name__)


@around(parsing, "resource_class_from_type")  # type: ignore[arg-type]  # a module's function, looked up at each use
def _model(world: World, original: Callable[[], Any], type_name: str) -> Any:
    return model(type_name) if type_name in KINDS else original()


@around(Stack, "has_template")
def _has_template(world: World, original: Callable[[], bool], stack: Any, other: str) -> bool:
    """A stack that never came to stand has none yet."""
    return bool(stack.template) and original(other)  # type: ignore[call-arg]


@around(ChangeSet, "diff")
def _diff(world: World, original: Callable[[], list[Change]], change_set: Any) -> list[Change]:
    """moto's, with what the new parameters change, and whether it replaces."""
    rows = original()
    stack = change_set.stack
    old = stack.template_dict.get("Resources", {})
    new = change_set.template_dict["Resources"]
    moved = {name for name, value in change_set.parameters.items() if stack.parameters.get(name) != value}
    known = {row.logical_resource_id for row in rows}
    for name in sorted(old.keys() & new.keys() - known):
        if moved & set(references(new[name])):
            rows.append(Change("Modify", name, new[name]["Type"]))
    row: Any
    for row in rows:
        row.replacement = _replacement(row, old, new) if row.action == "Modify" else None
    return rows


def _replacement(row: Any, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    before, after = (side[row.logical_resource_id].get("Properties", {}) for side in (old, new))
    changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    return "False" if changed <= KINDS[row.resource_type].mutable else "True"


@around(CloudFormationResponse, "execute_change_set")
def _execute(world: World, original: Any, response: Any) -> Any:
    backend = response.cloudformation_backend
    change_set = backend.describe_change_set(response._get_param("ChangeSetName"))
    if change_set.execution_status != "AVAILABLE":
        raise Refused("InvalidChangeSetStatus", f"ChangeSet [{change_set.change_set_id}] cannot be executed")
    stack = change_set.stack
    work = _work(response, stack)
    keep = str(response._get_param("DisableRollback")).lower() == "true"
    verb = "CREATE" if change_set.change_set_type == "CREATE" else "UPDATE"
    change_set.execution_status = "EXECUTE_COMPLETE"
    _tell(stack, f"{verb}_IN_PROGRESS", "User Initiated")
    _in_background(lambda: _carry_out(work, change_set, verb, keep))
    return EmptyResult()


@around(CloudFormationResponse, "delete_stack")
def _delete_stack(world: World, original: Any, response: Any) -> Any:
    backend = response.cloudformation_backend
    named = response._get_param("StackName")
    found = [one for one in backend.stacks.values() if named in (one.name, one.stack_id)]
    for stack in found:
        if stack.status == "DELETE_IN_PROGRESS":
            continue
        work = _work(response, stack)
        _tell(stack, "DELETE_IN_PROGRESS", "User Initiated")
        _in_background(lambda stack=stack, work=work: _take_down(backend, stack, work))  # type: ignore[misc]
    return EmptyResult()


@around(CloudFormationResponse, "list_stack_resources")
def _list(world: World, original: Any, response: Any) -> Any:
    stack = response.cloudformation_backend.get_stack(response._get_param("StackName"))
    rows = WORK[stack.stack_id].rows if stack.stack_id in WORK else {}
    told = [
        {
            "LogicalResourceId": name,
            "PhysicalResourceId": row.physical_id,
            "ResourceType": row.type,
            "ResourceStatus": row.status,
            "ResourceStatusReason": row.reason or None,
            "LastUpdatedTimestamp": stack.creation_time,
        }
        for name, row in rows.items()
    ]
    return ActionResult({"StackResourceSummaries": told})


@computed(Stack, "parameter_list")
def _parameters(original: Any, stack: Any) -> list[dict[str, Any]]:
    """Moto hides a NoEcho parameter only when its value is its name."""
    hidden = {name for name, one in stack.template_dict.get("Parameters", {}).items() if one.get("NoEcho")}
    values = stack.resource_map.resolved_parameters
    return [
        {"ParameterKey": name, "ParameterValue": "****" if name in hidden else value} for name, value in values.items()
    ]


def _work(response: Any, stack: Any) -> Work:
    """Resources are made with the rights of whoever asks, at the endpoint he asked."""
    signature = Signature.parse(response.headers["Authorization"])
    key = keys.find(signature.key_id) if signature else None
    if key is None:
        raise Refused("InvalidClientTokenId", "The security token included in the request is invalid.")
    place = urlsplit(response.uri)
    session = boto3.Session(key.id, key.secret, key.session_token or None, region_name=stack.region_name)
    work = WORK.setdefault(stack.stack_id, Work(stack, Aws(session, stack.region_name)))
    work.aws = Aws(session, stack.region_name, f"{place.scheme}://{place.netloc}")
    return work


def _in_background(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="stack", daemon=True).start()


def _tell(stack: Any, status: str, reason: str = "") -> None:
    stack._add_stack_event(status, resource_status_reason=reason or None)
    stack.status = status
    stack.stack_status_reason = reason or None


def _carry_out(work: Work, change_set: Any, verb: str, keep: bool) -> None:
    stack = work.stack
    try:
        _apply(work, change_set.template_dict, change_set.parameters)
        stack.template, stack.parameters = change_set.template, change_set.parameters
        stack._parse_template()
        stack.output_map = parsing.OutputMap(stack.resource_map, stack.template_dict, stack.stack_id)
    except Exception as error:
        _log.warning("stack %s: %s", stack.name, error)
        _tell(stack, f"{verb}_FAILED", f"The following resource(s) failed: {error}")
        if not keep:
            _roll_back(work, "ROLLBACK" if verb == "CREATE" else "UPDATE_ROLLBACK")
        return
    _tell(stack, f"{verb}_COMPLETE")


def _roll_back(work: Work, verb: str) -> None:
    try:
        _remove(work, list(work.stack.resource_map._parsed_resources))
    except Exception as error:
        _tell(work.stack, f"{verb}_FAILED", f"The following resource(s) failed to delete: {error}")
        return
    _tell(work.stack, f"{verb}_COMPLETE")


def _apply(work: Work, template: Mapping[str, Any], parameters: Mapping[str, str]) -> None:
    """From what stands to ``template``: make and change in order, then take away what is no longer in it."""
    resources: Any = work.stack.resource_map
    gone = [name for name in resources._resource_json_map if name not in template["Resources"]]
    former = dict(resources._resource_json_map)
    resources._template, resources.input_parameters = template, parameters
    resources.load_mapping()
    resources.load_parameters()
    resources.load_conditions()
    resources._resource_json_map = template["Resources"]

    def bring_about(name: str) -> None:
        if name not in resources._parsed_resources:
            resources[name]
            return
        place = {"account_id": work.stack.account_id, "region_name": work.stack.region_name}
        body = template["Resources"][name]
        resources._parsed_resources[name] = parsing.parse_and_update_resource(name, body, resources, **place)

    _in_order(_graph(template["Resources"]), bring_about)
    _remove(work, gone, former)


def _remove(work: Work, names: list[str], bodies: Mapping[str, Any] | None = None) -> None:
    """Delete what stands of ``names``, last things first, except what its template retains."""
    parsed = work.stack.resource_map._parsed_resources
    bodies = bodies or work.stack.resource_map._resource_json_map
    standing = {name: bodies[name] for name in names if isinstance(parsed.get(name), Made)}

    def delete(name: str) -> None:
        policy = standing[name].get("DeletionPolicy", "Delete")
        work.tell(name, "DELETE_IN_PROGRESS")
        try:
            if policy != "Retain":
                parsed[name].remove(policy)
        except Exception as error:
            work.tell(name, "DELETE_FAILED", str(error))
            raise
        work.tell(name, "DELETE_SKIPPED" if policy == "Retain" else "DELETE_COMPLETE")
        del parsed[name], work.rows[name]

    graph = _graph(standing)
    _in_order({name: {other for other in graph if name in graph[other]} for name in graph}, delete)


def _take_down(backend: Any, stack: Any, work: Work) -> None:
    try:
        _remove(work, list(stack.resource_map._parsed_resources))
    except Exception as error:
        _tell(stack, "DELETE_FAILED", f"The following resource(s) failed to delete: {error}")
        return
    _tell(stack, "DELETE_COMPLETE")
    backend.stacks.pop(stack.stack_id, None)
    backend.deleted_stacks[stack.stack_id] = stack


def _graph(bodies: Mapping[str, Any]) -> dict[str, set[str]]:
    """By logical id, what each needs of the others."""
    needed = {name: set(references(body.get("Properties", {}))) for name, body in bodies.items()}
    for name, body in bodies.items():
        after = body.get("DependsOn", ())
        needed[name] |= {after} if isinstance(after, str) else set(after)
    return {name: names & bodies.keys() for name, names in needed.items()}


def _in_order(graph: Mapping[str, set[str]], work: Callable[[str], None]) -> None:
    """``work`` on each as soon as what it needs is done; the first failure is raised after what is under way."""
    sorter = TopologicalSorter(graph)
    sorter.prepare()
    running: dict[Future[None], str] = {}
    with ThreadPoolExecutor(HANDS, "stack") as pool:
        while sorter.is_active():
            running |= {pool.submit(work, name): name for name in sorter.get_ready()}
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                name = running.pop(future)
                future.result()
                sorter.done(name)
