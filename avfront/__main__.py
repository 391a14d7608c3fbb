"""``avfront`` and ``python -m avfront``: the command line."""

import os
import sys


def main() -> None:
    """Run the command line and exit with its status: 0 done, 1 failed, 2 wrong call, 130 interrupted."""
    # Before any library starts threads: by default those that wait for one another spin, and where other
    # programs are running, that costs whole time slices (measured: ten times slower on two busy cores).
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        from avfront.cli import run

        status = run(sys.argv[1:])
    except KeyboardInterrupt:  # before or after the job itself, for instance during an import
        sys.stderr.write("avfront: interrupted; nothing was written.\n")
        status = 130
    sys.exit(status)


if __name__ == "__main__":
    main()
