"""News: posts lose headers, quotes and footers, and keep everything else."""

import gzip
import json

import numpy as np
import pytest

from mlleaks_helpers.data.news import (
    body,
    read_news,
    without_footer,
    without_header,
    without_quotes,
)


@pytest.mark.parametrize(("post", "left"), [
    ("From: a@b.c\nSubject: hi\n\nOne.\n\nTwo.", "One.\n\nTwo."),
    ("\n\nOne.", "One."),
    ("no empty line\nat all", ""),
    ("From: a@b.c\n \nOne.", ""),  # a line with a space in it is not empty
])
def test_header(post, left):
    assert without_header(post) == left


@pytest.mark.parametrize(("post", "left"), [
    ("a\n> b\n|c\n >d\nx > y\nz | y", "a\n >d\nx > y\nz | y"),
    ("In article <1@b.c>\na", "a"),
    ("as said In article 1", "as said In article 1"),
    ("Quoted from a book\nNot Quoted from", "Not Quoted from"),
    ("A writes:\nB writes in 1\nC wrote:\nD says:\nE said:", ""),
    ("A writes\nB wrote\nC says it\nhe said", "A writes\nB wrote\nC says it\nhe said"),
    ("", ""),
])
def test_quotes(post, left):
    assert without_quotes(post) == left


@pytest.mark.parametrize(("post", "left"), [
    ("One.\n--\nA. B.", "One."),
    ("One.\n\nTwo.\n-----\nA. B.\nC", "One.\n\nTwo."),
    ("One.\n\nTwo.", "One."),  # the last paragraph goes, if there are two
    ("One.\n \t\nTwo.\n", "One."),
    ("One.\nTwo.\n", "One.\nTwo.\n"),
    ("--\nOne.\n", "--\nOne.\n"),
    ("One.\n--\n\n", "One."),
    ("One.\n- -\nTwo.", "One.\n- -\nTwo."),
    ("", ""),
])
def test_footer(post, left):
    assert without_footer(post) == left


def test_body_takes_off_the_footer_before_the_quotes():
    assert body("From: a\n\nMine.\n--\nA writes:\n> yours") == "Mine."
    assert body("From: a\n\nA writes:\n> yours\nMine.") == "Mine."
    assert body("From: a\n\nOne.\n\nTwo.\n\n> yours") == "One.\n\nTwo."


def posts(path, *lines):
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write("\n".join(map(json.dumps, lines)))
    return path


def test_groups_are_numbered_by_name(tmp_path):
    groups = ("sci.space", "alt.atheism", "rec.autos", "alt.atheism")
    x, y, classes = read_news(posts(tmp_path / "news.gz", *(
        {"target_name": group, "text": f"H\n\n{i} ü", "id": i} for i, group in enumerate(groups))))
    assert x.dtype == object and x.tolist() == ["0 ü", "1 ü", "2 ü", "3 ü"]
    assert y.tolist() == [2, 0, 1, 0]
    assert classes.tolist() == ["alt.atheism", "rec.autos", "sci.space"]
    assert isinstance(y, np.ndarray)


@pytest.mark.parametrize("line", [{"text": "a"}, {"target_name": "a"}, ["a", "b"], "a", 3,
                                  {"target_name": "a", "text": 3}])
def test_another_line_is_named(tmp_path, line):
    path = posts(tmp_path / "news.gz", {"target_name": "a", "text": "b"}, line)
    with pytest.raises(ValueError, match=r"news.gz: line 2 is no JSON object with text and target"):
        read_news(path)


def test_text_that_is_no_json_is_named(tmp_path):
    with gzip.open(tmp_path / "news.gz", "wt") as file:
        file.write("From: a@b.c\n")
    with pytest.raises(ValueError, match="line 1 is no JSON object"):
        read_news(tmp_path / "news.gz")


def packed(content):
    return gzip.compress(content, mtime=0)  # the same bytes, so the same name of a test, each time


@pytest.mark.parametrize("content", [b"", b"not packed", packed(b"{}" * 99)[:-9],
                                     packed(b"\xff\xfe"), packed(b"")])
def test_damaged_posts(tmp_path, content):
    (tmp_path / "news.gz").write_bytes(content)
    with pytest.raises(OSError, match=r"news.gz is damaged \("):
        read_news(tmp_path / "news.gz")
