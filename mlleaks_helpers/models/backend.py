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
    nowhere = os.open(os.devnull, os.O_WRONLY)
    if nowhere == 2:  # it was closed: so it stays, lest the next file opened take its place
        yield
        return
    try:
        stderr = os.dup(2)
    except OSError:
        stderr = nowhere
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        for descriptor in {stderr, nowhere}:
            os.close(descriptor)


with _stderr_set_aside():
    import keras
    import tensorflow

__all__ = ["keras", "needs_tensorflow", "quiet_about_retracing", "tensorflow"]


def needs_tensorflow(who: str) -> None:
    """Raise ValueError, which names the function `who`, unless Keras computes with TensorFlow."""
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise ValueError(f"{who} needs KERAS_BACKEND=tensorflow, got {backend}: set it before "
                         "Python starts, or train one model after the other with train")


@contextmanager
def quiet_about_retracing():
    """Hold back TensorFlow's warning that a function is traced again: a new model always is."""
    def is_other(record):
        return "retracing" not in record.getMessage()

    log = tensorflow.get_logger()
    log.addFilter(is_other)
    try:
        yield
    finally:
        log.removeFilter(is_other)
