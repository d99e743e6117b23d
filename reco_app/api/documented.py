"""A function's docstring as clients read it: Gradio knows only the first line of each parameter."""

import inspect
import re
from collections.abc import Callable
from typing import NamedTuple

PARAMETER = re.compile(r"    (\w+): (.+)")


class Documented(NamedTuple):
    """What a function does, its parameters by name, and what it returns; each without line ends."""

    summary: str
    parameters: dict[str, str]
    returns: str

    @property
    def lines(self) -> str:
        """The docstring with a line for each parameter."""
        listed = [f"    {name}: {text}" for name, text in self.parameters.items()]
        return "\n".join([self.summary, "", "Args:", *listed, "", "Returns:", f"    {self.returns}"])


def documented(function: Callable) -> Documented:
    """Read a docstring with "Args:" and "Returns:", in which what goes on is further indented."""
    summary, _, rest = (inspect.getdoc(function) or "").partition("\n\nArgs:\n")
    listed, _, returns = rest.partition("\n\nReturns:\n")
    parameters: dict[str, str] = {}
    name = ""
    for line in listed.splitlines():
        if match := PARAMETER.fullmatch(line):
            name = match[1]
            parameters[name] = match[2]
        elif name:
            parameters[name] += f" {line.strip()}"
    return Documented(" ".join(summary.split()), parameters, " ".join(returns.split()))
