"""A value that must never be printed, logged, journalled or put into a traceback."""

from __future__ import annotations


class Secret:
    """Holds a secret string; every way of showing it gives ``***``.

    Only :meth:`reveal` returns the value, so that each use can be found by that name.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The secret itself; for handing to an API or to a process's standard input, never to an argument list."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "***"

    def __reduce__(self) -> str:
        raise TypeError("a Secret is not pickled")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(("Secret", self._value))
