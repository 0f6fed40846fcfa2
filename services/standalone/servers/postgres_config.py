"""The two configuration files of the embedded Postgres, as text."""

from pathlib import Path

CONNECTION_RULES = """\
# Written at every start. A password on every connection, also from this machine.
local all all scram-sha-256
host all all 127.0.0.1/32 scram-sha-256
"""

BASE = """\
# Written at every start; change nothing here.
listen_addresses = '127.0.0.1'
password_encryption = 'scram-sha-256'
max_connections = 200
shared_buffers = '128MB'
effective_cache_size = '512MB'
work_mem = '8MB'
maintenance_work_mem = '64MB'
wal_level = replica
max_wal_size = '1GB'
checkpoint_timeout = '10min'
checkpoint_completion_target = 0.9
wal_compression = on
random_page_cost = 1.1
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
log_line_prefix = '%m [%p] '
log_lock_waits = on
cluster_name = 'flowversal'
"""

DURABLE = """\
fsync = on
synchronous_commit = on
full_page_writes = on
"""

FAST_AND_LOSABLE = """\
fsync = off
synchronous_commit = off
full_page_writes = off
"""


def configuration(*, port: int, sockets: Path | None, durable: bool) -> str:
    """The text of postgresql.conf. Without `sockets` it listens on TCP only; not durable is for tests."""
    folder = "" if sockets is None else str(sockets)
    quoted = folder.replace("'", "''").replace('"', '""')
    # The setting is a list, so a folder with spaces or commas needs double quotes inside.
    listed = f'"{quoted}"' if folder else ""
    return (
        BASE
        + (DURABLE if durable else FAST_AND_LOSABLE)
        + f"port = {port}\nunix_socket_directories = '{listed}'\nunix_socket_permissions = 0700\n"
    )
