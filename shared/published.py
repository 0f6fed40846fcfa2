"""What becomes of messages that were handed to a publisher: a future for whoever asked, a number for Prometheus."""

from concurrent.futures import Future

from shared import metrics

Published = Future[bool]


def done(*, result: bool) -> Published:
    """A future that is done already."""
    future: Published = Future()
    future.set_result(result)
    return future


def count(messages: int, result: str) -> None:
    """`ok`: the broker has them. `kept`: it is away, they follow when it is back. `failed`: they are the sweeper's."""
    if messages:
        metrics.PUBLISHES.labels(result).inc(messages)
