"""The verdicts out of executed notebooks, and the scoreboard's table of them."""

import json

from mlleaks_helpers.claims import CLAIMS, MIME, check
from mlleaks_helpers.metrics import Interval
from tools.scoreboard import collect, main, scoreboard

ENTRY = {"id", "claim", "section", "paper", "measured", "low", "high", "data", "verdict", "chapter"}


def executed(got):
    """A notebook in which a cell showed this verdict."""
    cell = {"cell_type": "code", "outputs": [
        {"output_type": "stream", "text": "words"},
        {"output_type": "execute_result", "data": got._repr_mimebundle_()}]}
    return json.dumps({"cells": [{"cell_type": "markdown"}, cell]}, ensure_ascii=False)


def test_claims_json_is_read_from_executed_notebooks(tmp_path):
    got = check(41, Interval(0.85, 0.84, 0.86), data="shoppers-100 (simulated)")
    for name in ("10_later.ipynb", "03b_continued.ipynb"):
        (tmp_path / name).write_text(executed(got), encoding="utf-8")
    earlier, later = collect(tmp_path)
    assert (earlier["chapter"], later["chapter"]) == ("3b", "10")
    assert set(earlier) == ENTRY and earlier["verdict"] == "holds"
    assert earlier == got._repr_mimebundle_()[MIME] | {"chapter": "3b"}


def test_the_scoreboard_has_a_row_for_every_claim_and_every_verdict():
    entry = check(41, Interval(0.85, 0.84, 0.86), data="made up").entry() | {"chapter": "3b"}
    rows = scoreboard([entry, entry | {"data": "other"}]).splitlines()[2:]
    assert len(rows) == len(CLAIMS) + 1
    assert sum("{bdg-success}`holds`" in row for row in rows) == 2
    assert sum("{ref}`chapter 3b <chapter-3b>`" in row for row in rows) == 2
    assert all(row.count("|") == 6 for row in rows)


def test_the_command_collects_and_draws_the_table(tmp_path, capsys):
    got = check(8, Interval(CLAIMS[8].low, 0, 1), data="größer → kleiner")
    (tmp_path / "03b_continued.ipynb").write_text(executed(got), encoding="utf-8")
    main("collect", str(tmp_path))
    (tmp_path / "claims.json").write_text(capsys.readouterr().out, encoding="utf-8")
    assert json.loads((tmp_path / "claims.json").read_text(encoding="utf-8")) == collect(tmp_path)
    main("table", str(tmp_path / "claims.json"))
    table = capsys.readouterr().out
    assert table == scoreboard(collect(tmp_path)) + "\n" and "on größer → kleiner" in table
