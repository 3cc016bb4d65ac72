"""How the host lends its own objects to a template.

A template reaches a host object through this protocol and in no other way: Python attributes and methods are never
looked up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar


class Exposed:
    """An object that templates may use.

    `vtl_methods` maps (name, number of arguments) to a function of the object and the arguments:

        class Input(Exposed):
            vtl_methods = {("json", 1): lambda self, path: self.json(path)}

    A method that does not exist, or returns None, has no value. A method may raise `CallError(message)`, which becomes
    a TemplateRenderError with the place of the call. Arguments are template values and may be of any type.
    """

    __slots__ = ()
    vtl_methods: ClassVar[Mapping[tuple[str, int], Callable[..., Any]]] = {}

    def vtl_get(self, name: str) -> Any:
        """The value of `$object.name`, None when there is none."""
        return None

    def vtl_set(self, name: str, value: Any) -> None:
        """`#set($object.name = value)`; does nothing unless overridden."""

    def vtl_text(self) -> str | None:
        """What `$object` prints; None prints what a reference without a value prints."""
        return ""
