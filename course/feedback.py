"""What becomes of grades: a page for each student, and a table for the teacher."""

from __future__ import annotations

import csv
import hashlib
import io
import re

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def page(assignment: str, grade) -> str:
    """Markdown for the student: what was given and why; what was hidden stays hidden."""
    found = grade.total
    lines = [f"# {title(assignment)}", "",
             f"{plain(grade.student)}: **{found.points:g} of {found.out_of:g} points**"]
    if grade.refused:
        return "\n".join([*lines, "", f"It could not be graded: {plain(grade.refused)}."]) + "\n"
    for name, one in grade.points.items():
        lines += ["", f"## {plain(name)}: {one.points:g} of {one.out_of:g}", "",
                  plain(one.message)]
        if one.estimate:
            lines += ["", f"Measured on other data than yours: {one.estimate} (95 % interval)."]
    return "\n".join(lines) + "\n"


def table(grades) -> str:
    """CSV: a line for each student, a column for each question, and the total.

    Where a score is an estimate, its value and both ends of its interval follow.
    """
    names = list(dict.fromkeys(name for grade in grades for name in grade.points))
    measured = {name for grade in grades for name, one in grade.points.items() if one.estimate}
    head = ["student"]
    for name in names:
        head += [name, *(f"{name} {part}" for part in ("estimate", "low", "high")
                         if name in measured)]
    rows = [[*map(cell, head), "total", "of", "remark"]]
    for grade in grades:
        row = [cell(grade.student)]
        for name in names:
            one = grade.points[name]
            row.append(f"{one.points:g}")
            if name in measured:
                told = one.estimate
                row += [f"{x:.4f}" for x in (told.value, told.low, told.high)] if told else [""] * 3
        rows.append([*row, f"{grade.total.points:g}", f"{grade.total.out_of:g}",
                     cell(grade.refused)])
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(rows)
    return file.getvalue()


def title(assignment: str) -> str:
    return plain(assignment.replace("_", " ").capitalize())


def plain(text: str, longest: int = 1_500) -> str:
    """Text of a stranger in one line: nothing in it becomes a link, a tag or a control."""
    text = "".join(one if one.isprintable() else " " for one in text[:longest])
    return re.sub(r"([<\[!])", r"\\\1", re.sub(r" +", " ", text)).strip()


def cell(text: str) -> str:
    """Text for a spreadsheet, which takes it for no formula."""
    text = "".join(one if one.isprintable() else " " for one in text)
    return f"'{text}" if text.lstrip().startswith(FORMULA) else text


def file_name(student: str) -> str:
    """A name for a student's files on every system; two students never share one."""
    short = re.sub(r"[^\w-]+", "_", student, flags=re.ASCII).strip("_")[:40] or "student"
    return f"{short}-{hashlib.sha256(student.encode(errors='surrogatepass')).hexdigest()[:8]}"
