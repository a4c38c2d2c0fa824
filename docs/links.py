"""A hook of mkdocs: links of a page that leave docs/ lead to the repository, whose pages they are there."""

import posixpath
import re
from typing import Any

_LINK = re.compile(r"(\]\()(?![a-z]+:|#|/)([^)\s#]+)")


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Any) -> str:
    """The text of a page with its links out of docs/ made absolute. Called by mkdocs."""
    folder = posixpath.dirname(page.file.src_uri)

    def absolute(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, match[2]))
        if not target.startswith("../"):
            return match[0]
        return f"{match[1]}{config.repo_url.rstrip('/')}/blob/main/{target.removeprefix('../')}"

    return _LINK.sub(absolute, markdown)
