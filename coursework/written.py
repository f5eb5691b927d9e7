"""Values as Python source: the numbers of a variant, and the example of a question."""

import ast

import numpy as np
import torch

from coursework.question import Code, Question
from coursework.scoring import plain


def source_of(value: object) -> str:
    """An expression for a number, text, tensor, function, list or dict."""
    if isinstance(value, torch.Tensor):
        whole = "" if value.is_floating_point() else f", dtype={value.dtype}"
        return f"torch.tensor({value.tolist()}{whole})"
    if isinstance(value, Code):
        return value.source
    if isinstance(value, dict):
        entries = (f"    {source_of(k)}: {source_of(v)},\n" for k, v in value.items())
        return "{\n" + "".join(entries) + "}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(source_of(part) for part in value)}]"
    return repr(value)


def assignment_of(name: str, value: object) -> str:
    """A statement that gives a name to a value; functions become a ``def``."""
    if not isinstance(value, Code):
        return f"{name} = {source_of(value)}"
    tree = ast.parse(value.source, mode="eval").body
    if not isinstance(tree, ast.Lambda):
        return f"{name} = {value.source}"
    arguments, body = ast.unparse(tree.args), ast.unparse(tree.body)
    return f"\n\ndef {name}({arguments}):\n    return {body}\n\n"


def variant_cell(parameters: dict[str, object]) -> str:
    """The cell that holds the numbers of a cohort; texts go into the prose instead."""
    shown = {k: v for k, v in parameters.items() if not isinstance(v, str)}
    plain_first = sorted(shown.items(), key=lambda item: isinstance(item[1], Code))
    return "\n".join(assignment_of(k, v) for k, v in plain_first).strip()


def example_cell(question: Question, parameters: dict[str, object]) -> str:
    """A cell that tries the student's function on the public example."""
    names = {id(value): name for name, value in parameters.items()}
    arguments = [names.get(id(a)) or source_of(a) for a in question.example]
    call = "\n".join(f"    {argument}," for argument in arguments)
    lines = [
        f"# An example of {question.function} with its right answer. (Changing this",
        "# cell changes nothing: the grader has calls of its own.)",
        f"found = {question.function}(\n{call}\n)",
    ]
    right = plain(question.expected(*question.example))
    parts = right if isinstance(right, list) else [right]
    for i, part in enumerate(parts):
        which = f"found[{i}]" if isinstance(right, list) else "found"
        value = np.round(part, 9).tolist() if np.ndim(part) else round(float(part), 9)
        lines.append(
            f"torch.testing.assert_close(torch.as_tensor({which}).double(), "
            f"torch.tensor({value}).double(), rtol=1e-6, atol=1e-8)"
        )
    return "\n".join([*lines, 'print("The example is right.")'])
