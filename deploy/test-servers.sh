#!/bin/sh
# What the tests need beside Python packages: RabbitMQ, MariaDB, and a browser. Installed by apt where that is possible.
set -eu
missing=''
command -v rabbitmq-server >/dev/null 2>&1 || [ -e /usr/lib/rabbitmq/bin/rabbitmq-server ] || missing='rabbitmq-server'
command -v mariadbd >/dev/null 2>&1 || [ -e /usr/sbin/mariadbd ] || missing="$missing mariadb-server"
command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || missing="$missing chromium"
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    printf 'Installing for the tests:%s …\n' " $missing" >&2
    apt-get update -qq >/dev/null 2>&1 </dev/null || true
    for package in $missing; do
        DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$package" >/dev/null 2>&1 </dev/null || true
    done
fi
lacks() { printf '\n*** %s is not installed: its tests cannot run. Install it: sudo apt-get install %s ***\n\n' "$1" "$1" >&2; }
command -v rabbitmq-server >/dev/null 2>&1 || [ -e /usr/lib/rabbitmq/bin/rabbitmq-server ] || lacks rabbitmq-server
command -v mariadbd >/dev/null 2>&1 || [ -e /usr/sbin/mariadbd ] || lacks mariadb-server
command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || lacks chromium
