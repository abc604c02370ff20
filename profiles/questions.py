"""A question, declared once, beside the field it fills.

A field of the profile carries an :class:`Ask` in its annotation::

    class Web(Section):
        instance_class: Annotated[str, Ask("Web server class", screen="sizing", ...)] = "t4g.small"

The wizard's widgets, the plain prompts, ``--set KEY=VALUE``, the JSON Schema and ``docs/profile.md`` are all rendered
from the :class:`Question` list that :func:`questions` reads off the model. Nothing about a question is written twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from profiles import catalogue
from profiles.errors import ProfileError
from profiles.pages import PageName

if TYPE_CHECKING:
    from profiles.model import Profile

Screen = PageName
"""The page on which a question stands (:mod:`profiles.pages`)."""

Kind = Literal["text", "integer", "boolean", "choice"]


@dataclass(frozen=True)
class Choice:
    """One allowed answer: its value in the profile and the words shown for it."""

    value: Any
    label: str
    note: str = ""


@dataclass(frozen=True)
class Ask:
    """How a field is asked for.

    :param label: two to four words, shown as the field's name.
    :param screen: the page it stands on, one of :data:`profiles.pages.PAGES`.
    :param help: what it is for, what it costs, what changes with it; one or two sentences.
    :param reason: why the default is the default; one short clause.
    :param unit: unit of a number (``GiB``, ``seconds``), empty otherwise.
    :param choices: fixed choices; for classes use ``catalogue`` instead.
    :param catalogue: name of a catalogue list the choices come from: ``region``, ``ec2``, ``rds``, ``elasticache``.
    :param advanced: not shown in the wizard unless asked for; still a key of the profile.
    """

    label: str
    screen: Screen
    help: str
    reason: str
    unit: str = ""
    choices: tuple[Choice, ...] = ()
    catalogue: str = ""
    advanced: bool = False


@dataclass(frozen=True)
class Question:
    """An :class:`Ask` together with the field it belongs to.

    ``key`` is the dotted path in the profile, e.g. ``web.instance_class``.
    """

    key: str
    ask: Ask
    kind: Kind
    default: Any
    field: FieldInfo


def _ask_of(field: FieldInfo) -> Ask | None:
    return next((item for item in field.metadata if isinstance(item, Ask)), None)


def _kind_of(field: FieldInfo, ask: Ask) -> Kind:
    if ask.choices or ask.catalogue or get_origin(field.annotation) is Literal:
        return "choice"
    if field.annotation is bool:
        return "boolean"
    if field.annotation is int:
        return "integer"
    return "text"


def _literal_choices(field: FieldInfo, ask: Ask) -> Ask:
    if ask.choices or get_origin(field.annotation) is not Literal:
        return ask
    choices = tuple(Choice(value, str(value)) for value in get_args(field.annotation))
    return Ask(**{**ask.__dict__, "choices": choices})


def questions(model: type[BaseModel], prefix: str = "") -> Iterator[Question]:
    """Every question of ``model`` in declaration order, sections walked depth first."""
    for name, field in model.model_fields.items():
        key = f"{prefix}{name}"
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from questions(annotation, f"{key}.")
        elif (ask := _ask_of(field)) is not None:
            ask = _literal_choices(field, ask)
            yield Question(key, ask, _kind_of(field, ask), field.get_default(call_default_factory=True), field)


@cache
def by_key() -> Mapping[str, Question]:
    """Every question of the profile by its dotted key, in declaration order."""
    from profiles.model import Profile  # the model's fields are declared with this module's Ask

    return {question.key: question for question in questions(Profile)}


def choices(question: Question, profile: Profile) -> tuple[Choice, ...]:
    """The answers to offer, empty for free text and numbers.

    Classes are those of the profile's region, cheapest first, with their size and monthly price. Other values of the
    right form stay valid: the catalogue is dated.
    """
    match question.ask.catalogue:
        case "region":
            return tuple(Choice(region.code, region.code, region.name) for region in catalogue.regions())
        case "ec2":
            return _class_choices(catalogue.ec2(profile.aws.region))
        case "rds":
            return _class_choices(catalogue.rds(profile.aws.region))
        case "elasticache":
            return _class_choices(catalogue.elasticache(profile.aws.region))
    return question.ask.choices


def _class_choices(classes: tuple[catalogue.InstanceClass, ...]) -> tuple[Choice, ...]:
    return tuple(
        Choice(
            item.name, item.name, f"{item.vcpu} vCPU, {item.memory_mib / 1024:.3g} GiB, ${item.usd_month:,.2f}/month"
        )
        for item in classes
    )


_PASSWORD_IN_URL = re.compile(r"://[^/@\s]*:[^@\s]*@")
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")
_WORDS = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}


def parse(question: Question, text: str) -> Any:
    """``text`` as the question's value; raises ``ProfileError`` that says what would be valid."""
    value: Any = text
    if question.kind == "integer":
        value = int(text) if _WHOLE_NUMBER.fullmatch(text.strip()) else None
    elif question.kind == "boolean":
        value = _WORDS.get(text.strip().lower())
    if value is None:
        raise invalid(question, shown(text))
    return check(question, value)


def check(question: Question, value: Any) -> Any:
    """``value`` if the question's field takes it as it is; raises ``ProfileError`` otherwise."""
    try:
        return _adapter(question).validate_python(value, strict=True)
    except ValidationError as error:
        detail = error.errors()[0]
        reason = str(detail["ctx"]["error"]) if detail["type"] == "value_error" else ""
        raise invalid(question, shown(value), reason) from None


def invalid(question: Question, words: str, reason: str = "") -> ProfileError:
    """The error for a value, given in ``words``, that the question does not take."""
    why = f" ({reason})" if reason else ""
    return ProfileError(f"{question.key} cannot be {words}{why}.", f"It takes {takes(question)}.")


def shown(value: Any) -> str:
    """A refused value in words: quoted, cut to length, and without the password someone may have put into a URL."""
    return _PASSWORD_IN_URL.sub("://***@", repr(value)[:100])


def takes(question: Question) -> str:
    """What a question takes, for people: ``a whole number from 20 to 65536 (GiB)``."""
    ask = question.ask
    if question.kind == "boolean":
        return "yes or no"
    if question.kind == "integer":
        low, high = _bound(question, "ge"), _bound(question, "le")
        return f"a whole number from {low} to {high}" + (f" ({ask.unit})" if ask.unit else "")
    if ask.choices:
        return "one of: " + ", ".join(str(choice.value) for choice in ask.choices)
    if ask.catalogue:
        return f"a name like {question.default}"
    return f"text. {ask.help.rstrip('.')}"


def _bound(question: Question, name: str) -> int:
    """The field's limit ``ge`` or ``le``; every whole number of the profile has both."""
    return next(int(getattr(item, name)) for item in question.field.metadata if hasattr(item, name))


def _adapter(question: Question) -> TypeAdapter[Any]:
    """The checker of one field on its own, with all that its annotation says."""
    annotation: Any = Annotated[question.field.annotation, *question.field.metadata]
    return TypeAdapter(annotation)
