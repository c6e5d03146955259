"""What is dropped of a cache that is full."""

from rankdistill.lru_cache import LRUCache


def test_the_keys_that_were_not_asked_for_longest_are_dropped() -> None:
    cache: LRUCache[str, int] = LRUCache(2)
    cache.keep(["one", "two"], [1, 2])
    assert cache.of(["one", "none"]) == [1, None]
    cache.keep(["three"], [3])
    assert cache.of(["one", "two", "three"]) == [1, None, 3]
    assert len(cache) == 2
