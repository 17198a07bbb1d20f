"""The work behind ``stepdown diagnose``: what to try first on a table."""

from __future__ import annotations

from typing import Any

from stepdown.diagnosis import diagnose, render_diagnosis_text
from stepdown.verdict import render_json

from ._errors import UsageError
from ._estimators import Spec
from ._jobs import _at_work, _name_files, _options, _settings, _tell_notices
from ._output import check_free, written_whole
from ._prepare import multihop, preparing
from ._reporting import command_of
from ._request import Request, checked
from ._results import save_page
from ._terminal import give, show


def diagnose_table(request: Request) -> None:
    """Look at teacher, student and rows of a table; print what was found, and write it where that is wanted."""
    if request.out:
        check_free(request.out)
    table, models = checked(request)
    if table.task != "classification":
        raise UsageError(f"diagnose is for classes, and the target {request.target!r} is treated as numbers.")
    options = _options(request, table)
    _tell_notices(table, models)
    chain = multihop(models.teacher, models.student, table.task, table.y, kinds=table.kinds)
    with _at_work():
        X: Any = table.X
        if isinstance(models.teacher, Spec):
            X = preparing(models.student, table.kinds).fit_transform(X)
        found = diagnose(
            chain.teacher,
            chain.student,
            X,
            table.y,
            cv=options["cv"],
            random_state=options["random_state"],
            n_jobs=options["n_jobs"],
        )
    summary = found.to_dict()
    summary |= {
        "settings": _settings(models, options),
        "data": {**summary["data"], **table.origin},
        "notices": list(table.notices),
    }
    if request.out:
        with written_whole(request.out) as part:
            (part / "diagnosis.json").write_text(render_json(summary), encoding="utf-8")
            (part / "diagnosis.txt").write_text(f"{render_diagnosis_text(summary)}\n", encoding="utf-8")
        save_page(request.out, summary | {"command": command_of("diagnose", request)})
    show(render_diagnosis_text(summary) + "\n")
    if request.out:
        _name_files(request.out)
    give(render_json(summary))
