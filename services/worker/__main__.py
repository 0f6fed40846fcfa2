"""`python -m services.worker`: one worker process."""

from services.worker.main import main

main()
