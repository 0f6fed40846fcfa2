#!/bin/sh
# What the tests need beside Python packages: RabbitMQ, and a browser. Installed by apt where that is possible.
set -eu
missing=''
command -v rabbitmq-server >/dev/null 2>&1 || [ -e /usr/lib/rabbitmq/bin/rabbitmq-server ] || missing='rabbitmq-server'
command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || missing="$missing chromium"
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    printf 'Installing for the tests:%s …\n' " $missing" >&2
    apt-get update -qq >/dev/null 2>&1 </dev/null || true
    for package in $missing; do
        DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$package" >/dev/null 2>&1 </dev/null || true
    done
fi
for program in rabbitmq-server chromium; do
    if ! command -v $program >/dev/null 2>&1 && ! command -v $program-browser >/dev/null 2>&1; then
        printf '\n*** %s is not installed: its tests cannot run. Install it: sudo apt-get install %s ***\n\n' $program $program >&2
    fi
done
