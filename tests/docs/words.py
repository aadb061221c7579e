"""Find words of `words.csv` in the project's prose and names: `python tests/docs/words.py [PATH...]`.

The project writes as the Google developer documentation style guide and the GOV.UK content guide do: plain, direct, in
standard terms. The table lists the words that may not come back, and their replacements. Its columns:

- `kind`: `text` for prose and the words of names, `start` for the beginning of a sentence, a heading or a test's name,
  `name` for identifiers in code;
- `where`: the beginnings of the paths that the row applies to, all if empty;
- `pattern`: a regular expression, in which a space also matches a line break within a paragraph;
- `write`: the replacement;
- `example`: a text that the pattern matches, for the test of the table.
"""

import ast
import csv
import io
import json
import re
import sys
import tokenize
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
TABLE = Path(__file__).with_name("words.csv")
#: Files whose text is not the project's own.
NOT_OURS = ("docs/licences.md",)
_MARKDOWN, _PYTHON, _JSON = (".md",), (".py",), (".json",)
#: Files that are read as text, without the marks of their comments.
_PLAIN = (".yaml", ".yml", ".tf", ".hcl", ".toml", ".in", ".gitignore", ".gitattributes", ".editorconfig")
_PLAIN_NAMES = ("Makefile", "CODEOWNERS")
_FOLDERS_LEFT_OUT = re.compile(r"\.(?!github$|devcontainer$)|dist$|__pycache__$|releases$|golden$")
#: The fields of a JSON schema or an OpenAPI document that people read.
_READ_BY_PEOPLE = ("title", "summary", "description")

_MARK = re.compile(r"^[ \t]*(?:#+[:!]?|//+)(?=\s|$)", re.MULTILINE)
_SPACE = r"(?:[ \t]+|[ \t]*\n[ \t]*)"
#: Of a line of YAML, Terraform and the like: its comment, or the text of its value.
_VALUE = re.compile(r"(?:^\s*(?:#+|//)|\s#|[:=]\s+[\"']?|^\s*-\s+)[ \t]*(?=(\S.*))")
#: Where a sentence can begin: a text, a paragraph, a heading, an item of a list, or after the end of a sentence.
_START = r"(?:\A|\n[ \t]*\n|^[ \t]*(?:\#+|[-*]|\d+\.)[ \t]|(?<=[.!?])\s)\s*(?:(?:\#+|[-*]|\d+\.)[ \t]+)?[*_\"'“]*"
_END = re.compile(r"[.!?](?=[\s\"'*”)]|$)|\n[ \t]*\n|\n[ \t]*(?=[-*#|]|\d+\.)|\Z")


class Rule(NamedTuple):
    """A row of the table."""

    kind: str
    where: tuple[str, ...]
    pattern: re.Pattern[str]
    write: str
    example: str


class Text(NamedTuple):
    """A piece of a file that the rules of some kinds apply to. `lines` are the first and the last that it is on."""

    text: str
    lines: tuple[int, int]
    kinds: tuple[str, ...]


class Finding(NamedTuple):
    """A word of the table, its place, and its replacement."""

    place: str
    line: int
    word: str
    write: str

    def __str__(self) -> str:
        return f'{self.place}:{self.line}: "{self.word}": write "{self.write}"'


@cache
def rules() -> tuple[Rule, ...]:
    """Every row of the table."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return tuple(
            Rule(row["kind"], tuple(row["where"].split()), _compiled(row), row["write"], row["example"])
            for row in csv.DictReader(file)
        )


def files(paths: Iterable[Path] = (ROOT,)) -> list[Path]:
    """The files in and under paths whose words count."""
    found: set[Path] = set()
    for path in paths:
        if not path.exists():
            raise SystemExit(f"{path}: there is no such file or folder")
        found |= {path} if path.is_file() else set(_below(path))
    return sorted(path for path in found if _reader(path) and _place(path) not in NOT_OURS)


def findings(path: Path) -> list[Finding]:
    """Every word of the table in a file, by line. A word that is part of a longer finding is left out."""
    place = _place(path)
    text = path.read_text(encoding="utf-8")
    reader = _reader(path)
    by_line: dict[int, dict[str, Finding]] = defaultdict(dict)
    name = Text(_words(path.stem), (1, 1), ("text",))
    for piece in [name, *reader(place, text)] if reader else ():
        for rule, match in _matches(piece.text, piece.kinds):
            if not rule.where or place.startswith(rule.where):
                line = _line_of(piece, match.start(1), text)
                word = " ".join(match[1].split())
                by_line[line].setdefault(_words(word), Finding(place, line, word, rule.write))
    return [
        finding
        for _, found in sorted(by_line.items())
        for word, finding in sorted(found.items())
        if not any(word in other for other in found.keys() - {word})
    ]


def main(arguments: list[str]) -> int:
    """Print the findings in files and folders; the result is the command's status."""
    paths = files(map(Path, arguments) if arguments else (ROOT,))
    found = [finding for path in paths for finding in findings(path)]
    in_files = len({finding.place for finding in found})
    print("\n".join([*map(str, found), f"{len(found)} to replace, in {in_files} of {len(paths)} files"]))  # noqa: T201
    return int(bool(found))


@cache
def _matches(text: str, kinds: tuple[str, ...]) -> tuple[tuple[Rule, re.Match[str]], ...]:
    """Names repeat, so each is looked at once."""
    return tuple(
        (rule, match)
        for rule in rules()
        if rule.kind in kinds
        for match in rule.pattern.finditer(text)
        if rule.kind != "start" or not _is_question(text, match)
    )


def _compiled(row: dict[str, str]) -> re.Pattern[str]:
    """The first group of the pattern is the word."""
    if row["kind"] == "name":
        return re.compile(f"({row['pattern']})")
    spaced = row["pattern"].replace(" ", _SPACE)
    if row["kind"] == "start":
        return re.compile(f"{_START}({spaced}\\s+\\S+)", re.MULTILINE)
    return re.compile(f"({spaced})", re.IGNORECASE)


def _below(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_file():
            yield path
        elif path.is_dir() and not path.is_symlink() and not _FOLDERS_LEFT_OUT.match(path.name):
            yield from _below(path)


def _place(path: Path) -> str:
    absolute = path.absolute()
    return absolute.relative_to(ROOT).as_posix() if absolute.is_relative_to(ROOT) else absolute.as_posix()


def _reader(path: Path) -> Any:
    """The function that takes a file apart, from its place and text to pieces. None for a file that does not count."""
    if path.suffix in _MARKDOWN:
        return _markdown
    if path.suffix in _PYTHON:
        return _python
    if path.suffix in _JSON and _place(path).startswith("docs/"):
        return _json
    return _plain if path.suffix in _PLAIN or path.name in (*_PLAIN, *_PLAIN_NAMES) else None


def _markdown(_place: str, text: str) -> Iterator[Text]:
    last = text.count("\n") + 1
    yield Text(text, (1, last), ("text", "start"))
    for number, line in enumerate(text.split("\n"), 1):
        for code in re.findall(r"`([^`]+)`", line):
            yield Text(code, (number, number), ("name",))


def _plain(_place: str, text: str) -> Iterator[Text]:
    """Comments and values: YAML, Terraform and the like."""
    yield Text(_without_marks(text), (1, text.count("\n") + 1), ("text",))
    for number, line in enumerate(text.split("\n"), 1):
        for value in _VALUE.findall(line):
            yield Text(value, (number, number), ("start",))


def _json(_place: str, text: str) -> Iterator[Text]:
    """Texts of the fields that people read, on the first line that has them."""
    lines = text.split("\n")
    for value in _read_by_people(json.loads(text)):
        written = json.dumps(value, ensure_ascii=False)
        line = next((number for number, one in enumerate(lines, 1) if written in one), 1)
        yield Text(value, (line, line), ("text", "start"))


def _read_by_people(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _read_by_people(one)
    if isinstance(value, dict):
        yield from (value[name] for name in _READ_BY_PEOPLE if isinstance(value.get(name), str))
        for one in value.values():
            yield from _read_by_people(one)


def _python(place: str, text: str) -> Iterator[Text]:
    """Docstrings, comments and names; literals too, except in tests, whose literals are data."""
    tree = ast.parse(text)
    docstrings = {id(node) for node in _docstrings(tree)}
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in parts:
            lines = (node.lineno, node.end_lineno or node.lineno)
            if id(node) in docstrings or not place.startswith("tests/"):
                yield Text(_literal(node), lines, ("text", "start"))
    yield from _comments_and_names(text)


def _docstrings(tree: ast.Module) -> Iterator[ast.Constant]:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        first = body[0] if isinstance(body, list) and body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            yield first.value


def _literal(node: ast.Constant | ast.JoinedStr) -> str:
    """The text of a literal, without the values that an f-string computes; empty for a number."""
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
    return node.value if isinstance(node.value, str) else ""


def _comments_and_names(text: str) -> Iterator[Text]:
    comments: list[tokenize.TokenInfo] = []
    name = ""
    tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    for token, following in zip(tokens, [*tokens[1:], tokens[-1]], strict=True):
        line = token.start[0]
        if token.type == tokenize.COMMENT:
            if comments and not (_alone(token) and _alone(comments[-1]) and comments[-1].start[0] == line - 1):
                yield _comment(comments)
                comments = []
            comments.append(token)
        if token.type == tokenize.NAME:
            called = "(" if following.string == "(" else ""
            yield Text(name + token.string + called, (line, line), ("name",))
            yield _words_of(token.string, line)
            name = name + token.string + "." if following.string == "." else ""
        elif token.string != ".":
            name = ""
    if comments:
        yield _comment(comments)


def _words(name: str) -> str:
    return re.sub(r"[-_]", " ", name)


def _words_of(name: str, line: int) -> Text:
    """The words of an identifier. A test's name is a sentence."""
    if name.startswith("test_"):
        return Text(_words(name.removeprefix("test_")).capitalize(), (line, line), ("text", "start"))
    return Text(_words(name), (line, line), ("text",))


def _alone(token: tokenize.TokenInfo) -> bool:
    return not token.line[: token.start[1]].strip()


def _comment(tokens: list[tokenize.TokenInfo]) -> Text:
    text = "\n".join(_without_marks(token.string) for token in tokens)
    return Text(text.strip(), (tokens[0].start[0], tokens[-1].start[0]), ("text", "start"))


def _without_marks(text: str) -> str:
    return _MARK.sub(lambda match: " " * len(match[0]), text)


def _is_question(text: str, match: re.Match[str]) -> bool:
    end = _END.search(text, match.start(1))
    return end is not None and end[0] == "?"


def _line_of(piece: Text, start: int, source: str) -> int:
    """The line of a word in a piece. A literal may be split or escaped: then the first of its lines with the word."""
    first, last = piece.lines
    if piece.text.count("\n") == last - first:
        return first + piece.text.count("\n", 0, start)
    word = re.match(r"[\w'-]+", piece.text[start:])
    lines = source.split("\n")
    return next((number for number in range(first, last + 1) if word and word[0] in lines[number - 1]), first)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
