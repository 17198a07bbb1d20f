"""Threads that print at once: each line once, by the thread that said it, and the logger is as it was."""

import logging
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from stepdown.core import printing

log = logging.getLogger("stepdown")


def test_threads_that_print_at_once_say_each_line_once_and_leave_the_logger_as_it_was(capsys):
    level, handlers = log.level, list(log.handlers)
    both_listen, one_has_left = Barrier(2), Barrier(2)

    def work(verbose):
        with printing(verbose):
            both_listen.wait()
            if verbose == 2:  # entered at the level of the other, or the other way round; stays the longer
                one_has_left.wait()
            log.info("from %d", verbose)
            log.debug("details of %d", verbose)
        if verbose == 1:
            one_has_left.wait()

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(work, [1, 2]))
    said = capsys.readouterr().out.splitlines()
    assert sorted(said) == ["[stepdown] details of 2", "[stepdown] from 1", "[stepdown] from 2"]
    assert (log.level, log.handlers) == (level, handlers)
