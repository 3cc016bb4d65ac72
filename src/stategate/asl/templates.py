"""Payload templates: Parameters, ResultSelector, ItemSelector, Assign."""

from collections.abc import Callable

from stategate.asl.failures import ResultTooLarge
from stategate.asl.intrinsics import IntrinsicSyntaxError, compile_intrinsic
from stategate.asl.javamap import hash_order
from stategate.asl.paths import PathSyntaxError, Selection, compile_field
from stategate.asl.scope import Report, Scope
from stategate.asl.value import heavy
from stategate.lang.jsontext import JSON

_MAX_NESTING = 150
_FEW = 64
_MOST_CHARACTERS = 4 * 1024 * 1024  # several times of what a state may put out
_NEITHER = "The value for the field '{}' must be a valid JSONPath or a valid intrinsic function call"


def compile_template(template: JSON, report: Report, pointer: str) -> Selection:
    """The template as a function of a scope. Problems go to `report`. The function raises StateFailure.

    What has no `.$` in it is the same value every time: nobody may change it in place.
    """
    compiled = _compile(template, report, pointer, 0)
    if compiled is None:
        return lambda scope: template
    return bounded(compiled, _paths_in(template))


def compile_expression(text: str, field: str) -> Selection:
    """A path or an intrinsic, as the value of `field` (`value.$`, `CausePath`). Raises PathSyntaxError, in AWS's words;
    the function raises StateFailure."""
    try:
        return compile_field(text, field) if text.startswith("$") else compile_intrinsic(text)
    except (PathSyntaxError, IntrinsicSyntaxError):
        raise PathSyntaxError(_NEITHER.format(field)) from None


def bounded(select: Selection, selections: int) -> Selection:
    """What puts so many values into one: the same large value many times is too large before it is written."""
    if selections <= _FEW:
        return select

    def check(scope: Scope) -> JSON:
        value = select(scope)
        if heavy(value, _MOST_CHARACTERS):
            raise ResultTooLarge
        return value

    return check


def _paths_in(template: JSON) -> int:
    """Not less than the number of paths in it."""
    match template:
        case str():
            return template.count("$")
        case dict():
            return sum(map(_paths_in, template.values()))
        case list():
            return sum(map(_paths_in, template))
        case _:
            return 0


def _compile(template: JSON, report: Report, pointer: str, depth: int) -> Selection | None:
    """None for what is the same every time."""
    if depth > _MAX_NESTING:
        report(f"A payload template can not be nested deeper than {_MAX_NESTING} levels", pointer)
        return None
    match template:
        case dict():
            return _compile_object(template, report, pointer, depth)
        case list():
            items = [_compile(item, report, f"{pointer}[{index}]", depth + 1) for index, item in enumerate(template)]
            return None if all(item is None for item in items) else _array(template, items)
        case _:
            return None


def _compile_object(template: dict[str, JSON], report: Report, pointer: str, depth: int) -> Selection | None:
    """The members that are selected come after the others, in the order of Java's hash tables [recorded]."""
    made: list[tuple[str, Selection]] = []
    selected: list[str] = []
    for key, value in template.items():
        if not key.endswith(".$"):
            inner = _compile(value, report, f"{pointer}/{key}", depth + 1)
            if inner is not None:
                made.append((key, inner))
            continue
        name = key[:-2]
        selected.append(name)
        if name in template:
            report(f"The field '{name}' is given twice, as '{name}' and as '{key}'", pointer)
        try:
            made.append((name, compile_expression(value if isinstance(value, str) else "", key)))
        except PathSyntaxError as error:
            report(str(error), pointer)
    members = {key: value for key, value in template.items() if not key.endswith(".$")}
    return _object(members | {selected[place]: None for place in hash_order(selected)}, made) if made else None


def _object(members: dict[str, JSON], made: list[tuple[str, Selection]]) -> Selection:
    """`members` in their order, those that are `made` with any value."""

    def make(scope: Scope) -> JSON:
        result = members.copy()
        for name, select in made:
            result[name] = select(scope)
        return result

    return make


def _array(template: list[JSON], items: list[Selection | None]) -> Selection:
    pairs: list[tuple[Callable[[Scope], JSON] | None, JSON]] = list(zip(items, template, strict=True))

    def make(scope: Scope) -> JSON:
        return [value if select is None else select(scope) for select, value in pairs]

    return make
