"""Who is calling, and what they may do: users, sessions, tokens and the authorisation table."""
