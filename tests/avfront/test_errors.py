"""The sentence, and the exit status that belongs to it."""

from pathlib import Path

from avfront.errors import AvfrontError


def test_what_where_and_the_remedy():
    error = AvfrontError("it is broken", file=Path("a") / "b.wav", remedy="mend it")
    assert str(error) == f"{Path('a') / 'b.wav'}: it is broken; mend it."
    assert error.exit_status == 1
    assert AvfrontError("that is wrong", remedy="write it like this", usage=True).exit_status == 2
