"""What an operation says that has no meaning on the types it meets."""

from __future__ import annotations


class Refusal(Exception):
    """An operation that has no meaning on the types it meets; `check` adds where it stands.

    `show_types` asks for the types of the inputs, and where they come from, to be shown beside.
    """

    def __init__(self, message: str, hint: str | None = None, show_types: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.show_types = show_types
