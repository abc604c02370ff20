"""The pages on which the questions stand, in the order in which they are asked.

Every front end renders its pages from here and from the questions: a new section or question needs no code in a screen,
and a page to which no ordinary question belongs is not shown. Nothing is imported, so that the program's first picture
can name the pages before anything heavy is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PageName = Literal["target", "site", "sizing", "cache", "search", "balancer", "extras"]
"""What a question's ``screen`` may be."""


@dataclass(frozen=True)
class Page:
    """One page.

    :param title: one word, for the list of steps.
    :param heading: the question that the page asks as a whole.
    :param words: what its answers decide, one or two sentences.
    """

    name: PageName
    title: str
    heading: str
    words: str


PAGES: tuple[Page, ...] = (
    Page(
        "target",
        "Target",
        "Where should it go?",
        "The sandbox is a whole AWS of its own on this machine: no account needed, and no cost.",
    ),
    Page("site", "Site", "Which site?", "What it is called, where it answers, and where its code comes from."),
    Page(
        "sizing",
        "Sizing",
        "How big should it be?",
        "By the traffic you expect, or by hand. Everything here can be changed later.",
    ),
    Page(
        "cache",
        "Cache",
        "What makes it fast?",
        "The micro-cache answers visitors who are not logged in; Memcached serves everyone else.",
    ),
    Page("search", "Search", "Search and mail", "What finds things on the site, and what sends its mail."),
    Page(
        "balancer",
        "Balancer",
        "What stands in front?",
        "One web server needs nothing in front of it. With several, something spreads the requests and ends TLS.",
    ),
    Page("extras", "Extras", "Anything else?", "What watches it, what protects it, and what stays when it goes."),
)
"""All pages, in order."""
