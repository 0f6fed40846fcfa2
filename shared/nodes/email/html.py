"""HTML of mails: made of Markdown, and read as text. Its parsers take 5 MB, so only steps that send mail load it. Pure."""

from functools import lru_cache

import nh3
from markdown_it import MarkdownIt
from selectolax.lexbor import LexborHTMLParser


def markdown_html(text: str) -> str:
    """Markdown as clean HTML: HTML inside it is shown, not obeyed; links lead to web and mail addresses only."""
    return nh3.clean(_markdown().render(text), url_schemes={"http", "https", "mailto"})


def html_text(html: str) -> str:
    """What an HTML mail says, for those who read plain text."""
    tree = LexborHTMLParser(html)
    tree.strip_tags(["script", "style", "head", "template"])
    body = tree.body
    lines = (line.strip() for line in (body.text(separator="\n") if body else "").splitlines())
    return "\n".join(line for line in lines if line)


@lru_cache(maxsize=1)
def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
