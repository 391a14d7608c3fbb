"""The one exception for whatever the user can put right."""

import os


class AvfrontError(Exception):
    """Something that the user can put right, in one sentence: what is wrong, with which file, and the remedy.

    Parameters
    ----------
    what : str
        What is wrong, as a clause without a full stop.
    remedy : str
        What to do about it, as a clause without a full stop.
    file : path, optional
        The file or folder that it is about; put in front of the sentence.
    usage : bool
        True when the call itself was wrong (a malformed option), rather than the material that it named.

    Examples
    --------
    >>> print(AvfrontError("the file has no samples", file="mix.wav", remedy="record or export it again"))
    mix.wav: the file has no samples; record or export it again.
    """

    def __init__(
        self, what: str, *, remedy: str, file: str | os.PathLike[str] | None = None, usage: bool = False
    ) -> None:
        self.what = what
        self.remedy = remedy
        self.file = None if file is None else os.fspath(file)
        self.usage = usage
        place = "" if self.file is None else f"{self.file}: "
        super().__init__(f"{place}{what}; {remedy}.")

    @property
    def exit_status(self) -> int:
        """Exit status of the command line: 2 for a wrong call, 1 for a job that failed."""
        return 2 if self.usage else 1
