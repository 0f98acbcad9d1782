"""The README's own example runs."""

import re
from pathlib import Path

from mlleaks_helpers.data import load, split
from mlleaks_helpers.models import mlp, train

README = Path(__file__).resolve().parent.parent / "README.md"


def test_the_example_for_your_own_model(capsys):
    parts = split(load("digits"), size=100)
    [example] = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    exec(example, {
        "your_model": train(mlp(), parts.target_train, epochs=2).model,
        "a_model_like_it": train(mlp(), parts.shadow_train, epochs=2).model,
        "members": parts.target_train, "non_members": parts.target_out,
        "shadow_members": parts.shadow_train, "shadow_non_members": parts.shadow_out,
    })
    assert "AUC" in capsys.readouterr().out
