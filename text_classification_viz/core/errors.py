"""The one exception that means "the input or a setting is at fault, and here is what to do"."""

MAX_LINE = 2_000  # characters; a longer line keeps its beginning, which names the place, and its end, which helps
_CUT = " [...] "


class InputError(ValueError):
    """An input file, row, field or setting that cannot be used.

    The message names where (file, row or field), what was expected, what was found and what to do, in that
    order, so that it can be shown to a person as it is: it is of bounded length, and what a file or its name
    brings into it can neither steer a terminal nor begin a line of its own. Anything else that is raised is a
    defect of ours.

    Parameters
    ----------
    lines
        The message, one fault a line.
    """

    def __init__(self, *lines: str) -> None:
        super().__init__(*map(printable, lines))

    def __str__(self) -> str:
        return "\n".join(self.args)


def printable(line: str) -> str:
    """Cut a line that is too long, and spell out line ends, control characters and lone surrogates."""
    if len(line) > MAX_LINE:
        half = (MAX_LINE - len(_CUT)) // 2
        line = line[:half] + _CUT + line[-half:]
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in line)
