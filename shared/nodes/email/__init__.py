"""Mail as `email.send` writes it: addresses, bodies, attachments."""
