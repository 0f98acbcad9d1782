"""Keras and TensorFlow, imported once and without TensorFlow's start-up log.

TensorFlow writes to file descriptor 2 while it loads, below Python's `sys.stderr`, so the
descriptor itself is set aside during the import. Errors are Python exceptions and still show.
"""

import os
from contextlib import contextmanager

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
if "OMP_NUM_THREADS" in os.environ:  # joblib and Dask set it so that workers share the cores
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", os.environ["OMP_NUM_THREADS"])


@contextmanager
def _stderr_set_aside():
    stderr, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nowhere)


with _stderr_set_aside():
    import keras
    import tensorflow

__all__ = ["keras", "tensorflow"]
