"""What tests of the trainings of decoders share."""

import hashlib
from contextlib import contextmanager


def fingerprint(trained):
    """What two trainings have in common when they end with the same bytes."""
    decoder = trained.decoder
    weights = hashlib.sha256(decoder.kernel.tobytes() + decoder.bias.tobytes()).hexdigest()
    return weights, trained.history, trained.best_epoch


def interrupting(after):
    """A progress that is interrupted once so many epochs are done."""

    @contextmanager
    def progress(what, total):
        done = 0

        def advance(more):
            nonlocal done
            done += more
            if done >= after:
                raise KeyboardInterrupt

        yield advance

    return progress
