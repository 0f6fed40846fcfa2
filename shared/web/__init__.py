"""What the two web applications share: the database session, the guard, headers, the live hub, error answers."""
