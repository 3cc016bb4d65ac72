"""The laws that the operators obey, whatever the values."""

from hypothesis import given
from hypothesis import strategies as st

from stategate.iam.conditions import compile_condition

words = st.text(alphabet="abAB*", max_size=4)
lists = st.lists(words, min_size=1, max_size=3)
optional = st.none() | words


def holds(operator: str, values: list[str], given_: object) -> bool:
    test = compile_condition({operator: {"aws:K": values}}, variables=False)
    assert test is not None
    return test({} if given_ is None else {"aws:k": given_})  # type: ignore[dict-item]


PAIRS = [
    ("StringEquals", "StringNotEquals"),
    ("StringLike", "StringNotLike"),
    ("StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"),
    ("ArnLike", "ArnNotLike"),
]


@given(st.sampled_from(PAIRS), lists, optional)
def test_negated_operators_are_the_opposite(pair: tuple[str, str], values: list[str], value: str | None) -> None:
    assert holds(pair[0], values, value) is not holds(pair[1], values, value)


@given(st.sampled_from([name for pair in PAIRS for name in pair]), lists, optional)
def test_if_exists_only_changes_missing_keys(name: str, values: list[str], value: str | None) -> None:
    assert holds(f"{name}IfExists", values, value) is (True if value is None else holds(name, values, value))


@given(lists, words)
def test_values_are_alternatives(values: list[str], value: str) -> None:
    assert holds("StringEquals", values, value) is (value in values)
    assert holds("StringEqualsIgnoreCase", values, value) is (value.lower() in [word.lower() for word in values])


@given(lists, st.none() | st.lists(words, max_size=4))
def test_sets(values: list[str], several: list[str] | None) -> None:
    assert holds("ForAllValues:StringEquals", values, several) is all(word in values for word in several or [])
    assert holds("ForAnyValue:StringEquals", values, several) is any(word in values for word in several or [])


@given(st.integers(), st.integers())
def test_numbers_compare(policy: int, value: int) -> None:
    assert holds("NumericLessThan", [str(policy)], str(value)) is (value < policy)
    assert holds("NumericGreaterThanEquals", [str(policy)], str(value)) is (value >= policy)


def test_an_empty_block_is_no_condition() -> None:
    assert compile_condition({}, variables=True) is None
    assert compile_condition({"StringEquals": {}}, variables=True) is None
