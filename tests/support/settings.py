"""The settings that code reads."""

import ast


def settings_read(code: str | bytes) -> set[str]:
    """The attributes in code, and the names of secrets that it reads with `secret`."""
    nodes = list(ast.walk(ast.parse(code)))
    names = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    for node in nodes:
        match node:
            case ast.Call(func=ast.Attribute(attr="secret"), args=[ast.Constant(value=str(name))]):
                names.add(name)
    return names
