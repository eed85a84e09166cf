"""`Rule`: when a batch goes.

A worker that is free takes what waits as soon as one of these is so:

* a whole batch waits;
* nobody else is there who could send: all clients that were seen of late wait for answers already;
* the oldest request has waited the delay, counted from when a worker was free to take it.

How many clients there are is learned. It is the most requests that were open at once, whether they
waited or were being answered; and when the delay was waited for in vain, it is those that are open
then. So one client that sends, waits for its answer and sends again is never kept waiting, however
large a batch may be, and the requests of ten such clients come together in one batch after the
other.
"""

from dataclasses import dataclass, field


@dataclass
class Rule:
    """Decides when a batch goes; it knows no clock, and is told what time it is.

    Attributes:
        batch_size: Most requests in a batch.
        delay_s: How long a request waits for others, in seconds.
        clients: How many requests are open at once where everybody has sent one.
    """

    batch_size: int
    delay_s: float
    clients: int = field(default=0, init=False)

    def note_arrival(self, open_requests: int) -> None:
        """A request has come, with which *open_requests* are not answered yet."""
        self.clients = max(self.clients, open_requests)

    def goes_at(self, waiting: int, open_requests: int, oldest: float, free_since: float) -> float:
        """When a free worker takes what waits; a time that has gone by says at once.

        Args:
            waiting: How many requests wait, 1 or more.
            open_requests: How many are not answered yet, those that wait among them.
            oldest: When the first of those that wait came.
            free_since: Since when there is a free worker.
        """
        since = max(oldest, free_since)
        if waiting >= self.batch_size or open_requests >= self.clients:
            return since
        return since + self.delay_s

    def note_departure(self, waiting: int, open_requests: int) -> None:
        """A batch goes now, before which *waiting* requests waited."""
        if waiting < self.batch_size:  # nobody else has come in time
            self.clients = open_requests
