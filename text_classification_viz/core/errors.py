"""The one exception that means "the input or a setting is at fault, and here is what to do"."""


class InputError(ValueError):
    """An input file, row, field or setting that cannot be used.

    The message names where (file, row or field), what was expected, what was found and what to do, in that
    order, so that it can be shown to a person as it is. Anything else that is raised is a defect of ours.
    """
