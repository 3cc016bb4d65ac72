import uuid

from stategate.runtime.entropy import BLOCK, SystemEntropy


def test_uuids_are_version_4_and_differ() -> None:
    entropy = SystemEntropy()
    made = {entropy.uuid() for _ in range(BLOCK)}
    assert len(made) == BLOCK
    assert all(uuid.UUID(text).version == 4 and str(uuid.UUID(text)) == text for text in made)
    assert {uuid.UUID(text).variant for text in made} == {uuid.RFC_4122}


def test_random_is_uniform_in_zero_to_one() -> None:
    entropy = SystemEntropy()
    drawn = [entropy.random() for _ in range(10_000)]
    assert min(drawn) >= 0
    assert max(drawn) < 1
    assert 0.48 < sum(drawn) / len(drawn) < 0.52


def test_letters_are_of_the_alphabet() -> None:
    entropy = SystemEntropy()
    text = entropy.letters(3 * BLOCK, "abc")
    assert len(text) == 3 * BLOCK
    assert set(text) == set("abc")
    assert entropy.letters(0, "abc") == ""
