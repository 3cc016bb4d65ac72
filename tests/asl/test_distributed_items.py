"""Files as items: as recorded, and each way in which they can't be read."""

from __future__ import annotations

from typing import Any

import pytest

from stategate.asl.distributed_items import Unreadable, check_limit, csv_items, json_items, jsonl_items, manifest_files
from stategate.asl.maprun import ItemSource
from stategate.lang import jsontext


def rows(text: str, **source: Any) -> str:
    found = csv_items(text.splitlines(keepends=True), ItemSource("getObject", "{}", "CSV", **source))
    return jsontext.dumps(list(found))


def test_csv_as_recorded() -> None:
    # The recordings test_map_item_reader_csv_first_row_extra_fields and ..._typed_headers.
    tail = "\nValue4,Value5,Value6\n,,,\ntrue,1,'HelloWorld'\nNull,None,\n   \n"
    assert rows("H1," + tail) == (
        '[{"":"Value5","H1":"Value4"},{"":"","H1":""},{"":"1","H1":"true"},{"":"None","H1":"Null"},{"":"","H1":"   "}]'
    )
    assert rows("0,True,{}" + tail) == (
        '[{"0":"Value4","{}":"Value6","True":"Value5"},{"0":"","{}":"","True":""},'
        '{"0":"true","{}":"\'HelloWorld\'","True":"1"},{"0":"Null","{}":"","True":"None"},'
        '{"0":"   ","{}":"","True":""}]'
    )


def test_csv_with_given_headers_delimiters_and_quotes() -> None:
    given = {"first_row": False, "headers": ("a", "b")}
    assert rows("1;2\n\n3;4;5\n", delimiter=";", **given) == '[{"a":"1","b":"2"},{"a":"3","b":"4"}]'
    assert rows('"x,\ny","say ""hi"""\n', **given) == '[{"a":"x,\\ny","b":"say \\"hi\\""}]'
    assert rows("") == "[]"


def test_columns_in_the_order_of_a_grown_hash_table() -> None:
    names = [f"c{number}" for number in range(20)]
    (item,) = jsontext.loads(rows(",".join(names) + "\n" + ",".join(map(str, range(20)))))
    # 32 buckets: c0 to c9 are 0xC4D + 0..9, c10 to c19 are 0x17D7C + 0..9 (with 0x1 from the upper half folded in)
    assert list(item) != names
    assert sorted(item) == sorted(names)
    assert item["c7"] == "7"


@pytest.mark.parametrize(
    ("read", "cause"),
    [
        (lambda: rows("a,b,a\n1,2,3\n"), "CSV headers cannot contain duplicates."),
        (lambda: json_items('{"a": 1}', None), "Attempting to map over non-iterable node."),
        (lambda: json_items("[1", None), "The JSON file cannot be read: "),
        (lambda: json_items('{"a": []}', "/b"), "The ItemsPointer '/b' does not point to anything in the JSON file."),
        (lambda: list(jsonl_items(["1", "{"])), "Line 2 of the JSON Lines file cannot be read: "),
        (lambda: check_limit(ItemSource("getObject", "{}", max_items=-1)), "field MaxItems must be positive"),
        (lambda: manifest_files("{}"), "The manifest is not that of an S3 inventory: "),
    ],
)
def test_what_is_unreadable(read: Any, cause: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read()
    assert str(caught.value).startswith(cause)


def test_json_and_lines() -> None:
    assert json_items('{"a": {"b/c": [1, 2]}}', "/a/b~1c") == [1, 2]
    assert json_items("[[1], [2]]", "/1") == [2]
    assert list(jsonl_items(['{"a":1}\n', "\n", "2"])) == [{"a": 1}, 2]
    assert [check_limit(ItemSource("getObject", "{}", max_items=limit)) for limit in (None, 0, 2)] == [None, None, 2]


def test_an_inventory() -> None:
    text = jsontext.dumps(
        {
            "destinationBucket": "arn:aws:s3:::inventory",
            "fileFormat": "CSV",
            "fileSchema": "Bucket, Key, Size",
            "files": [{"key": "data/1.csv.gz", "size": 1}],
        }
    )
    assert manifest_files(text) == ("inventory", ("Bucket", "Key", "Size"), ["data/1.csv.gz"])
