"""``avfront`` and ``python -m avfront``: the command line."""

import os
import sys


def main() -> None:
    """Run the command line and exit with its status: 0 done, 1 failed, 2 wrong call, 130 interrupted."""
    # Before any library starts threads. Threads that spin while they wait for one another lose whole time
    # slices where other programs are running: measured on two busy cores, the same job took four times as
    # long. The kernels of nmfcore, which do the work, wait quietly and use all cores; what is left for BLAS
    # is small.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        from avfront.cli import run

        status = run(sys.argv[1:])
    except KeyboardInterrupt:  # before or after the job itself, for instance during an import
        sys.stderr.write("avfront: interrupted; nothing was written.\n")
        status = 130
    sys.exit(status)


if __name__ == "__main__":
    main()
