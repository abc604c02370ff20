"""The one line of text that is typed into."""

from __future__ import annotations

from textual.widgets import Input

from provisioners.foreign_text import clean


class TextField(Input):
    """An input that takes no terminal controls: what is pasted or loaded would be drawn as it is."""

    def check_consume_key(self, key: str, character: str | None = None) -> bool:
        """Every character but ``?``, which asks for help: no answer of ours holds one."""
        return character != "?" and super().check_consume_key(key, character)

    def validate_value(self, value: str) -> str:
        """The value without escapes, controls and bidirectional overrides, on one line."""
        return clean(value).replace("\n", " ").replace("\t", " ")
