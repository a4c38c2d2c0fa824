"""The one exception that means "the user can mend this", its kinds, and words for people."""


class UserError(Exception):
    """A mistake in the input, not in the program.

    The message is one sentence that names the file, says what is wrong and what to do. The command line prints it on
    stderr and exits with code 2; any other exception is a bug and keeps its traceback.
    """


class DamagedError(UserError):
    """Bytes that are not what was written: a disk, a copy or a hand has changed them."""


class PreemptedError(KeyboardInterrupt):
    """The scheduler wants the machine back (SIGTERM): what could be saved is saved, and the job is to be started again."""


def counted(number: int, one: str, more: str = "") -> str:
    """`1 scene`, `2 scenes`; more: the plural where it is not `one` with an s."""
    return f"{number:,} {one if number == 1 else more or one + 's'}"


def first_line(error: BaseException) -> str:
    """What an error of a library says first, without its full stop; its kind where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".:")


def printable(words: str) -> str:
    r"""`words` on one line, harmless to a terminal: control characters and bytes that are no text become \xXX and \uXXXX.

    File names may hold anything.
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in words)


def encoded(words: str) -> bytes:
    r"""`words` in UTF-8, to be written or hashed; of a file name that is no Unicode, bytes become \udcXX.

    >>> encoded("caf\udce9")
    b'caf\\udce9'
    """
    return words.encode("utf-8", "backslashreplace")
