"""The ingress of webhooks, step by step: what came, who may, how much, the run that it starts, the answer, the log."""
