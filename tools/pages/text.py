"""Text that several pages take from docstrings."""

import inspect


def about(described: object) -> str:
    """A docstring in one line: when a problem happens, or the meaning of a model."""
    return " ".join((inspect.getdoc(described) or "").split())


def summary_and_description(described: object) -> tuple[str, str]:
    """The first sentence of a docstring without its full stop, and the rest in paragraphs of one line each."""
    summary, _, rest = (inspect.getdoc(described) or "").partition("\n\n")
    paragraphs = [" ".join(paragraph.split()) for paragraph in rest.split("\n\n")]
    return " ".join(summary.split()).removesuffix("."), "\n\n".join(filter(None, paragraphs))
