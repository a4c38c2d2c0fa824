"""The one exception that means "the user can mend this"."""


class UserError(Exception):
    """A mistake in the input, not in the program.

    The message is one sentence that names the file, says what is wrong and what to do. The command line prints it on
    stderr and exits with code 2; any other exception is a bug and keeps its traceback.
    """


def printable(words: str) -> str:
    r"""`words` on one line, harmless to a terminal: control characters and bytes that are no text become \xXX and \uXXXX.

    File names may hold anything.
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in words)
