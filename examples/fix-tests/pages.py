"""Lists in pages."""


def page(items, number, size):
    """The items of a page; pages are counted from 1."""
    start = number * size
    return items[start : start + size]
