"""`python -m nmfcore`: backends found, instruction sets, versions."""

from nmfcore import info


def main() -> None:
    """Print :func:`nmfcore.info`."""
    for name, value in info().items():
        print(f"{name:17} {', '.join(value) if isinstance(value, list) else value}")


if __name__ == "__main__":
    main()
