"""Names as people write them."""


def initials(name):
    """The first letter of each part, as in `J. R.`"""
    return " ".join(part[1].upper() + "." for part in name.split())
