"""How the sandbox's rules are laid over moto.

Each concern is a module of small functions that register themselves here, and nothing is changed in moto before
:func:`install` is called by the sandbox's own process:

- :func:`before` is a rule that sees a call, parsed, before moto does, and may refuse it;
- :func:`around` wraps a method of a moto class, or adds one that is missing;
- :func:`computed` does the same for a property.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse

from provisioners.sandbox.api.refusal import Refused as Refused
from provisioners.sandbox.api.tokens import TokenBook
from provisioners.sandbox.api.world import World

Function = TypeVar("Function", bound=Callable[..., Any])
Answer = tuple[int, dict[str, Any], Any]


@dataclass(frozen=True)
class Call:
    """One API call as a rule sees it."""

    service: str
    action: str
    account: str
    region: str
    response: Any

    def get(self, name: str, default: Any = None) -> Any:
        """A parameter under its AWS name; ``A.B`` reaches into a structure."""
        value = self.response._get_param(name)
        return default if value is None else value

    def parameters(self) -> Any:
        """All parameters, parsed."""
        return self.response._get_params()


Rule = Callable[[World, Call], None]

_rules: defaultdict[tuple[str, str], list[Rule]] = defaultdict(list)
_wraps: list[tuple[type, str, Callable[..., Any]]] = []
_getters: list[tuple[type, str, Callable[..., Any]]] = []
_installed = False


def before(service: str, *actions: str) -> Callable[[Rule], Rule]:
    """Register a rule for ``actions`` of ``service`` (boto3's names)."""

    def register(rule: Rule) -> Rule:
        for action in actions:
            _rules[service, action].append(rule)
        return rule

    return register


def around(owner: type, name: str) -> Callable[[Function], Function]:
    """Register ``wrapper(world, original, self, …)`` for ``owner.name``; ``original`` is ``None`` where none is."""

    def register(wrapper: Function) -> Function:
        _wraps.append((owner, name, wrapper))
        return wrapper

    return register


def computed(owner: type, name: str) -> Callable[[Function], Function]:
    """Register ``getter(original, self)`` for the property ``owner.name``."""

    def register(getter: Function) -> Function:
        _getters.append((owner, name, getter))
        return getter

    return register


def install(world: World) -> None:
    """Lay every registered extension over moto; once a process."""
    global _installed
    if _installed:
        raise RuntimeError("moto is extended already in this process")
    _installed = True
    for owner, name, wrapper in _wraps:
        setattr(owner, name, _bound(world, wrapper, getattr(owner, name, None)))
    for owner, name, getter in _getters:
        setattr(owner, name, property(functools.partial(getter, getattr(owner, name).fget)))
    setattr(BaseResponse, "call_action", _strict_call_action(world, BaseResponse.call_action))  # noqa: B010


def _bound(world: World, wrapper: Callable[..., Any], original: Callable[..., Any] | None) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        bound = functools.partial(original, self) if original else None
        return wrapper(world, bound, self, *args, **kwargs)

    return functools.update_wrapper(method, original or wrapper)


def _strict_call_action(world: World, original: Callable[[Any], Answer]) -> Callable[[Any], Answer]:
    tokens = TokenBook()

    def call_action(self: Any) -> Answer:
        action = self._get_action()
        if not action:
            return original(self)
        call = Call(self.service_name, action, self.current_account, self.region, self)

        def answer() -> Answer:
            for rule in _rules[call.service, call.action]:
                rule(world, call)
            return original(self)

        try:
            return tokens.answer(call, answer)
        except ServiceException as refused:
            status, headers, body = self.serialized(ActionResult(refused))
            headers["status"] = str(status)
            headers, body = self._enrich_response(headers, body)
            return status, headers, body

    return call_action
