"""A progress bar that suits a terminal, a notebook and a log."""

import sys

from tqdm import tqdm


def progress(total: int, what: str) -> tqdm:
    """A bar that draws itself in a terminal or notebook and leaves a line now and then in a log.

    Where standard error is closed there is none.
    """
    if sys.stderr is None:
        return tqdm(total=total, disable=True)
    if sys.stderr.isatty():
        return tqdm(total=total, desc=what, leave=False)
    if "IPython" in sys.modules and sys.modules["IPython"].get_ipython():
        return tqdm(total=total, desc=what, leave=False, file=sys.stdout, ncols=79)
    line = "{desc}: {n_fmt}/{total_fmt}, {remaining} left\n"
    return tqdm(total=total, desc=what, mininterval=30, delay=30, bar_format=line)
