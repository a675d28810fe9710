"""Waiting for what a distributed system will do, with a sentence for when it does not."""

import time


class TimedOut(AssertionError):
    pass


def wait_until(predicate, timeout, what, every=0.1):
    """Calls `predicate` until it returns something true, which is returned.

    An AssertionError of the predicate counts as "not yet"; its text is part of the message when time is up. `what` completes
    the sentence "not within N s: ...". `timeout` and `every` are seconds.
    """
    deadline = time.monotonic() + timeout
    reason = ""
    while True:
        try:
            found = predicate()
            if found:
                return found
            reason = ""
        except AssertionError as error:
            reason = f" ({error})"
        if time.monotonic() >= deadline:
            raise TimedOut(f"not within {timeout:g} s: {what}{reason}")
        time.sleep(every)


def stays(predicate, seconds, what, every=0.2):
    """Checks that `predicate` stays true for `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not predicate():
            raise AssertionError(f"changed within {seconds:g} s: {what}")
        time.sleep(every)
