"""A store in memory keeps what was asked for last, in the bytes that it may take."""

from lpel_serving.engine.store.memory import MemoryStore


def opened(most: int) -> MemoryStore[str]:
    """A store of texts, which take a byte for each letter."""
    return MemoryStore(most, len)


def test_what_was_asked_for_last_is_kept():
    store = opened(6)
    for key in (b"a", b"b", b"c"):
        store.put({key: "xx"})
    assert store.get([b"a"]) == {b"a": "xx"}
    store.put({b"d": "yy"})
    assert store.get([b"a", b"b", b"c", b"d"]) == {b"a": "xx", b"c": "xx", b"d": "yy"}
    assert len(store) == 3


def test_what_is_larger_than_the_store_is_not_kept():
    store = opened(3)
    store.put({b"a": "xx", b"b": "yyyy"})
    assert store.get([b"a", b"b"]) == {}


def test_what_is_kept_already_is_not_counted_twice():
    store = opened(3)
    for _ in range(5):
        store.put({b"a": "xx"})
    store.put({b"b": "y"})
    assert store.get([b"a", b"b"]) == {b"a": "xx", b"b": "y"}


def test_a_store_of_no_size_keeps_nothing():
    store = opened(0)
    store.put({b"a": "x"})
    assert store.get([b"a"]) == {}
    assert len(store) == 0
