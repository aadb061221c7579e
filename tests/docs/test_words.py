"""Words that may not come back (words.csv): none is left in prose, names and messages, and the checker finds each."""

from pathlib import Path

import pytest

from tests.docs.words import NOT_OURS, ROOT, Rule, files, findings, main, rules

FILES = {path.relative_to(ROOT).as_posix(): path for path in files()}


@pytest.mark.parametrize("place", FILES)
def test_file_has_no_word_of_the_table(place: str) -> None:
    found = findings(FILES[place])
    assert not found, "\n".join(["", *map(str, found)])


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.example)
def test_row_matches_its_example_and_suggests_no_word_of_the_table(rule: Rule) -> None:
    assert rule.kind in {"text", "start", "name"}
    assert all((ROOT / beginning).exists() for beginning in rule.where)
    assert rule.pattern.search(rule.example)
    others = [other for other in rules() if other.kind == "text" and not other.where]
    assert not [other.example for other in others if other.pattern.search(rule.write)]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("wrapped.md", "It comes by\nitself.\n", [(1, "by itself")]),
        ("paragraphs.md", "Kept by\n\nitself\n", []),
        ("heading.md", "# What time does\n\n## What to do\n\n## What is wrong?\n", [(1, "What time")]),
        ("item.md", "Two:\n\n- Who asks is told.\n", [(3, "Who asks"), (3, "told")]),
        ("sentence.md", "It ends. What is left stays.\n", [(1, "What is")]),
        ("inside.md", "Read what is left, and ask who asked.\n", []),
        ("code.md", "Call `told_of` or `amend`.\n", [(1, "told_of")]),
        ("substitute.md", "A stand-in that stands in for Pub/Sub; `$` stands for a value.\n", []),
        ("docstring.py", '"""One.\n\nTwo is\nmended.\n"""\n', [(4, "mended")]),
        ("comment.py", "X = 1  # one\n# It is kept for\n# ever.\n", [(2, "for ever")]),
        ("literal.py", 'X = (\n    "It is kept "\n    "for ever."\n)\n', [(3, "for ever")]),
        ("f_string.py", 'X = 1\nY = f"{X} is told"\n', [(2, "told")]),
        ("name.py", "def give_way(who_is_told: int) -> None: ...\n", [(1, "give_way"), (1, "told")]),
        ("call.py", "whole = 1\nrules.whole(whole)\n", [(2, "whole(")]),
        ("status.py", "x = Stage.HELD\ny = QuarantineStatus.HELD\n", [(2, "QuarantineStatus.HELD")]),
        ("test_name.py", "def test_what_is_left_stays() -> None: ...\n", [(1, "What is")]),
        ("comment.yaml", "# Each is\n# told.\nwrite: What is left\n", [(2, "told"), (3, "What is")]),
        ("comment.tf", 'locals {\n  a = "b" # Whoever reads\n}\n', [(2, "Whoever reads")]),
        ("doctors-canary.md", "# The probe\n", [(1, "canary")]),
        ("rule.tf", "# A canary\nexpression = \"evaluatePreconfiguredWaf('cve-canary')\"\n", [(1, "canary")]),
        ("data.csv", "told\n", []),
    ],
)
def test_checker_finds_words_where_people_read(
    name: str, text: str, expected: list[tuple[int, str]], tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    assert [(finding.line, finding.word) for file in files([path]) for finding in findings(file)] == expected


def test_checker_reads_every_kind_of_file() -> None:
    kinds = {".md", ".py", ".yaml", ".tf", ".toml", ".json", ".in"}
    assert kinds <= {path.suffix for path in FILES.values()}
    assert not set(NOT_OURS) & FILES.keys()
    assert {"README.md", "SECURITY.md", "Makefile", "noxfile.py", "docs/openapi.json"} <= FILES.keys()
    assert not [place for place in FILES if place.startswith((".venv/", ".local/", "dist/"))]


def test_command_lists_findings_of_a_folder_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "page.md").write_text("It is made anew.\n", encoding="utf-8")
    assert main([str(tmp_path)]) == 1
    finding, summary = capsys.readouterr().out.splitlines()
    assert finding == f'{tmp_path}/page.md:1: "anew": write "again, or recreate, rewrite"'
    assert summary == "1 to replace, in 1 of 1 files"
