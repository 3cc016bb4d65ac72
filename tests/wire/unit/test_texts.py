import pytest

from stategate.wire import HttpRequest, WireError, load
from stategate.wire.texts import integer


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("-1", -1), ("+7", 7), ("9223372036854775807", 2**63 - 1)])
def test_integers(text: str, value: int) -> None:
    assert integer(text) == value


@pytest.mark.parametrize("text", ["", " 1", "1_0", "1.0", "٣", "9223372036854775808", "9" * 5000, "one"])
def test_what_is_no_integer(text: str) -> None:
    with pytest.raises(ValueError):
        integer(text)


@pytest.mark.parametrize("number", ["9223372036854775808", "-1e300", "9" * 400])
def test_numbers_in_bodies_have_a_range(number: str) -> None:
    operation = load("logs").operations["FilterLogEvents"]
    request = HttpRequest("POST", "/", body=b'{"logGroupName":"g","endTime":%b}' % number.encode())
    with pytest.raises(WireError) as error:
        operation.read(request, {})
    assert error.value.code == "SerializationException"


def test_in_forms_and_query_strings_too() -> None:
    form = HttpRequest("POST", "/", body=b"Action=ListRoles&MaxItems=9223372036854775808")
    with pytest.raises(WireError, match="MalformedInput"):
        load("iam").operations["ListRoles"].read(form, {})
    query = HttpRequest("GET", "/restapis", "limit=1_0")
    with pytest.raises(WireError, match="SerializationException"):
        load("apigateway").operations["GetRestApis"].read(query, {})
