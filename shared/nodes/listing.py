"""The table of all node types that ship, in docs/nodes.md: `python -m shared.nodes.listing docs/nodes.md` writes it anew."""

import sys
from pathlib import Path

import shared.nodes
from shared.nodes.catalogue import node_types

BEGIN = "<!-- node types: written by `python -m shared.nodes.listing docs/nodes.md` -->\n"
END = "<!-- end of the node types -->\n"


def table() -> str:
    """A row for each type of this distribution, by category."""
    own = [found for found in node_types().values() if type(found).__module__.startswith(f"{shared.nodes.__name__}.")]
    rows = [
        f"| `{found.type}` | {found.category} | {found.pool} | {found.help} |"
        for found in sorted(own, key=lambda found: (found.category, found.type))
    ]
    return "\n".join(["| type | category | pool | what it does |", "|---|---|---|---|", *rows, ""])


def with_table(text: str) -> str:
    """A page with the table as it is now. Raises ValueError if its place is not marked."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"The page needs the lines {BEGIN.strip()} and {END.strip()}.")
    return f"{before}{BEGIN}{table()}{END}{after}"


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(with_table(page.read_text()))
