"""What parsing an HTML text may cost, told from its tags alone: some short texts become trees that fill the memory."""

import re
from collections import Counter

MOST_OPEN = 2_000
MOST_REPEATED = 1_000_000
_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]*)")
_VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())  # noqa: SIM905
# Closed by what follows them: left open by many, and never nested by that.
_IMPLIED = frozenset(
    [
        "p",
        "li",
        "dt",
        "dd",
        "tr",
        "td",
        "th",
        "tbody",
        "thead",
        "tfoot",
        "colgroup",
        "caption",
        "option",
        "optgroup",
        "rp",
        "rt",
        "html",
        "head",
        "body",
    ]
)
# Opened again in every paragraph, until somebody closes them.
_REPEATED = frozenset("a b big code em font i nobr s small strike strong tt u".split())  # noqa: SIM905


def is_costly(html: str) -> bool:
    """Whether it nests elements more than MOST_OPEN deep, whose parsing takes the square of that, or leaves so many
    `<b>` and the like open that the parser repeats them MOST_REPEATED times.
    """
    opened: Counter[str] = Counter()
    depth = repeated = to_repeat = 0
    for found in _TAG.finditer(html):
        name = found[2].lower()
        if name in _VOID:
            continue
        if found[1]:
            if opened[name]:
                opened[name] -= 1
                depth -= name not in _IMPLIED
                to_repeat -= name in _REPEATED
            continue
        repeated += to_repeat
        opened[name] += 1
        depth += name not in _IMPLIED
        to_repeat += name in _REPEATED
        if depth > MOST_OPEN or repeated > MOST_REPEATED:
            return True
    return False
