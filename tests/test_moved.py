"""The list of what differs between two builds."""

import json

import pytest

from tools.moved import main, moved


def claim(id=3, data="cifar100", verdict="holds", measured=0.9, low=0.8, high=1.0):
    return {"id": id, "data": data, "verdict": verdict, "measured": measured, "low": low,
            "high": high}


@pytest.mark.parametrize("now, words", [
    (claim(), None),
    (claim(measured=0.81, low=0.5), None),
    (claim(measured=0.8), None),
    (claim(measured=1.0), None),
    (claim(measured=0.79, low=0.75), "still holds, 0.900 [0.800, 1.000] → 0.790 [0.750, 1.000]"),
    (claim(measured=1.01, high=1.1), "still holds, 0.900 [0.800, 1.000] → 1.010 [0.800, 1.100]"),
    (claim(verdict="undecided"),
     "holds, 0.900 [0.800, 1.000] → undecided, 0.900 [0.800, 1.000]"),
])
def test_what_has_moved(now, words):
    assert moved([claim()], [now]) == ([f"- Claim 3 on cifar100: {words}"] if words else [])


def test_what_is_new_and_what_is_gone_in_the_order_of_claims():
    before = [claim(11), claim(2)]
    after = [claim(2, data="news"), claim(11)]
    assert moved(before, after) == ["- Claim 2 on cifar100: is gone", "- Claim 2 on news: is new"]


def test_two_files(tmp_path, capsys):
    for name, build in (("a", [claim()]), ("b", [claim(verdict="not here")])):
        (tmp_path / name).write_text(json.dumps(build), encoding="utf-8")
    main(tmp_path / "a", tmp_path / "b")
    said = capsys.readouterr().out
    assert said.startswith("## Figures that moved\n\n- Claim 3") and "→ not here" in said
    main(tmp_path / "a", tmp_path / "a")
    assert "None." in capsys.readouterr().out
