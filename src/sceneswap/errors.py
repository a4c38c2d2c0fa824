"""The one exception that means "the user can mend this"."""


class UserError(Exception):
    """A mistake in the input, not in the program.

    The message is one sentence that names the file, says what is wrong and what to do. The command line prints it on
    stderr and exits with code 2; any other exception is a bug and keeps its traceback.
    """
