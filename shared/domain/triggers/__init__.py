"""What starts a workflow by itself, as its author wrote it: one file is one type of trigger. Pure."""
