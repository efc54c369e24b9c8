"""A cancellation token, cancelled when nobody waits for the result any more."""

import threading
from collections.abc import Callable
from typing import Literal

from lpel_serving.support.errors import WithdrawnError

Reason = Literal["gone", "late", "closing"]

_SENTENCES: dict[Reason, str] = {
    "gone": "the client has gone away.",
    "late": "it took longer than a request may take",
    "closing": "the service is being shut down.",
}


class CancellationToken:
    """Says whether one request's result is still wanted; thread-safe.

    Attributes
    ----------
    reason
        Why it was cancelled; None while it was not.
    advice
        What to do if its time is over before the work is done.
    """

    def __init__(self) -> None:
        self.reason: Reason | None = None
        self.advice = "ask for less, or try again later."
        self._listeners: dict[object, Callable[[], object]] = {}
        self._lock = threading.Lock()

    def withdraw(self, reason: Reason) -> None:
        """Cancel; the first reason is kept."""
        with self._lock:
            if self.reason is not None:
                return
            self.reason = reason
            listeners, self._listeners = self._listeners, {}
        for listener in listeners.values():
            listener()

    def check(self) -> None:
        """Raise `WithdrawnError` if cancelled; to be called between the steps of long work."""
        if self.error is not None:
            raise self.error

    @property
    def error(self) -> WithdrawnError | None:
        """The error for the client, if cancelled."""
        if self.reason is None:
            return None
        advice = f": {self.advice}" if self.reason == "late" else ""
        return WithdrawnError(_SENTENCES[self.reason] + advice)

    def when_withdrawn(self, listener: Callable[[], object]) -> Callable[[], None]:
        """Call a function on cancellation, immediately if already cancelled.

        Returns
        -------
        Callable[[], None]
            Call it to unregister the function.
        """
        place = object()
        with self._lock:
            if self.reason is None:
                self._listeners[place] = listener
                return lambda: self._forget(place)
        listener()
        return lambda: None

    def _forget(self, place: object) -> None:
        with self._lock:
            self._listeners.pop(place, None)
