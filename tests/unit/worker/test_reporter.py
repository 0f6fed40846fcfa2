"""Children are reported at once by the process that started them, once, and a failure harms nobody."""

from uuid import UUID

from services.worker.reporter import Reporter

CHILD, OTHER = UUID(int=1), UUID(int=2)


def test_it_tells_of_what_it_expects_once() -> None:
    told: list[UUID] = []
    reporter = Reporter(told.append)
    reporter.ended([CHILD])
    reporter.expect(CHILD)
    reporter.ended([OTHER, CHILD])
    reporter.ended([CHILD])
    reporter.close()
    reporter.ended([CHILD])
    assert told == [CHILD]


def test_a_report_that_fails_is_left_to_clockwork() -> None:
    told: list[UUID] = []

    def fail(child: UUID) -> None:
        told.append(child)
        raise RuntimeError("the database is away")

    reporter = Reporter(fail)
    for child in (CHILD, OTHER):
        reporter.expect(child)
        reporter.ended([child])
    reporter.close()
    assert told == [CHILD, OTHER]
