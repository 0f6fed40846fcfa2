"""What a private RabbitMQ node is told: its configuration files as text, and its environment."""

from pathlib import Path

from services.standalone.ports import LOOPBACK

NODE = "flowversal@localhost"

BASE = """\
listeners.tcp.default = {host}:{port}
loopback_users = none
default_user = {user}
default_pass = {password}
default_user_tags.administrator = true
vm_memory_high_watermark.absolute = 512MB
disk_free_limit.absolute = 100MB
log.console = true
log.console.level = warning
log.console.use_colors = off
log.file = false
"""

MANAGEMENT = """\
management.tcp.ip = {host}
management.tcp.port = {port}
"""


def configuration(port: int, user: str, password: str, management_port: int | None) -> str:
    """The text of rabbitmq.conf. The user is made when the node first starts and kept afterwards."""
    text = BASE.format(host=LOOPBACK, port=port, user=user, password=password)
    return text if management_port is None else text + MANAGEMENT.format(host=LOOPBACK, port=management_port)


def advanced() -> str:
    """The text of advanced.config: connections of nodes and tools on this machine only."""
    return "[{kernel, [{inet_dist_use_interface, {127,0,0,1}}]}].\n"


def node_environment(folder: Path, node: Path, names_port: int, nodes_port: int) -> dict[str, str]:
    """The variables that point every path of the node into `folder`; the cookie is in its HOME."""
    settings = folder / "settings"
    return {
        "HOME": str(settings),
        "ERL_EPMD_PORT": str(names_port),
        "ERL_EPMD_ADDRESS": LOOPBACK,
        "RABBITMQ_NODENAME": NODE,
        "RABBITMQ_DIST_PORT": str(nodes_port),
        "RABBITMQ_CONFIG_FILE": str(settings / "rabbitmq.conf"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(settings / "advanced.config"),
        "RABBITMQ_CONF_ENV_FILE": str(settings / "empty"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(settings / "enabled_plugins"),
        "RABBITMQ_MNESIA_BASE": str(node / "mnesia"),
        "RABBITMQ_GENERATED_CONFIG_DIR": str(node / "generated"),
        "RABBITMQ_PLUGINS_EXPAND_DIR": str(node / "plugins"),
        "RABBITMQ_LOG_BASE": str(node / "log"),
        "RABBITMQ_PID_FILE": str(node / "pid"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2 +sbwt none -kernel inet_dist_use_interface {127,0,0,1}",
        # So that the script becomes the Erlang machine instead of waiting for it as a second process.
        "RUNNING_UNDER_SYSTEMD": "true",
    }
