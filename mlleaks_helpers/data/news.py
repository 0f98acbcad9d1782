"""20 Newsgroups as the paper has it: posts without headers, quotes and footers (Section II-B).

They would give the group away: names, addresses and what others wrote.
"""

import gzip
import json
import re
import zlib
from pathlib import Path

import numpy as np

# A line that is quoted, or announces a quote. The words are those of scikit-learn's
# `fetch_20newsgroups(remove=…)`, so that both leave the same text.
QUOTE = re.compile(r"^[>|]|^In article|^Quoted from|writes(:| in)|wrote:|says:|said:")


def read_news(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The bodies of the posts (n,) str, group numbers (n,) and the groups' names, in their order.

    Each line of the file is a JSON object with `text` and `target_name`. Raises OSError for a file
    that is damaged, and ValueError for one that holds something else.
    """
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            lines = file.readlines()
    except (EOFError, UnicodeDecodeError, gzip.BadGzipFile, zlib.error) as error:
        raise OSError(f"{path} is damaged ({type(error).__name__}: {error})") from error
    if not lines:
        raise OSError(f"{path} is damaged (it is empty)")
    texts, groups = [], []
    for number, line in enumerate(lines, 1):
        try:
            post = json.loads(line)
            texts.append(body(post["text"]))
            groups.append(str(post["target_name"]))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ValueError(f"{path}: line {number} is no JSON object with text and target_name"
                             ) from None
    classes, y = np.unique(groups, return_inverse=True)
    return np.array(texts, dtype=object), y, classes


def body(post: str) -> str:
    """What the author of a post wrote."""
    return without_quotes(without_footer(without_header(post)))


def without_header(post: str) -> str:
    """What comes after the first empty line; nothing if there is none."""
    return post.partition("\n\n")[2]


def without_quotes(post: str) -> str:
    """The post without the lines that are quoted from others or announce that."""
    return "\n".join(line for line in post.split("\n") if not QUOTE.search(line))


def without_footer(post: str) -> str:
    """The post up to its last line that is empty or all dashes: a signature tends to follow.

    A post without such a line, or with only its first, stays as it is.
    """
    lines = post.strip().split("\n")
    breaks = [number for number, line in enumerate(lines) if not line.strip().strip("-")]
    return "\n".join(lines[: breaks[-1]]) if breaks and breaks[-1] > 0 else post
