"""What paths, templates, intrinsics and choice rules are evaluated against."""

from collections.abc import Callable, Iterator, Mapping
from random import Random
from types import MappingProxyType

from stategate.asl.value import Value
from stategate.lang.jsontext import JSON

Report = Callable[[str, str], None]
"""Takes a problem found at compile time: (AWS's message, pointer of the value, e.g. `/States/S/Choices[0]/Next`)."""

NO_VARIABLES: Mapping[str, JSON] = MappingProxyType({})
NO_MEMBERS: Mapping[str, JSON] = MappingProxyType({})


class Variables(Mapping[str, JSON]):
    """Variables that are read when they are asked for: most states ask for few of them."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Value]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> JSON:
        return self._values[name].json

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


class Scope:
    """`$`, `$$` and `$name` of one evaluation; in JSONata `$states` and `$name`.

    `context` may be a function: it is called on first use only. `seed` makes `random`, the only source of randomness;
    the same seed gives the same numbers. One scope serves one step of one state, so that two `States.UUID()` of a
    template differ. `now` in epoch seconds.
    """

    __slots__ = ("_context", "_random", "_seed", "_states", "input", "members", "now", "variables")

    def __init__(
        self,
        input: JSON,
        context: JSON | Callable[[], JSON] = None,
        variables: Mapping[str, JSON] = NO_VARIABLES,
        seed: int = 0,
        now: float = 0.0,
    ) -> None:
        self.input = input
        self._context = context
        self.variables = variables
        self._seed = seed
        self._random: Random | None = None
        self._states: JSON = None
        self.members: Mapping[str, JSON] = NO_MEMBERS
        self.now = now

    @property
    def context(self) -> JSON:
        context = self._context
        if callable(context):
            context = self._context = context()
        return context

    @property
    def random(self) -> Random:
        random = self._random
        if random is None:
            random = self._random = Random(self._seed)
        return random

    def states(self, *, context: bool = True) -> JSON:
        """JSONata's `$states`; without its `context` where nobody asks for that."""
        states = self._states
        if states is None or (context and "context" not in states):
            surroundings = {"context": self.context} if context else NO_MEMBERS
            states = self._states = {"input": self.input, **surroundings, **self.members}
        return states

    def telling(self, members: Mapping[str, JSON]) -> "Scope":
        """Sets what `$states` has besides `input` and `context`: `result`, `errorOutput`."""
        self.members = members
        return self
