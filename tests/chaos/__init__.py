"""Chaos: real processes and servers are killed, paused and cut off while executions run, and every one is accounted for.

`world` has the processes and servers, `faults` what happens to them, `kinds` and `load` what runs meanwhile, `witness` and
`books` what must be true of it, `run` one run from start to report.
"""
