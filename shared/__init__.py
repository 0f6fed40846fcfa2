"""What the services share."""

VERSION = "0.1.0"
