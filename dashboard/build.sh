#!/bin/sh
# Builds the dashboard into the package, beside the old one until it is whole. One at a time.
set -eu
cd "$(dirname "$0")"
target=../src/commandcenter/_ui
installed=node_modules/.installed

node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' 2>/dev/null || {
    echo "The dashboard is built with Node 20.19 or newer and npm; the hub runs without it." >&2
    exit 1
}
if [ ! -e "$installed" ] || [ package-lock.json -nt "$installed" ]; then
    npm ci --silent
    touch "$installed"
fi
DASHBOARD_OUT="$target.new" npx --no-install vite build --logLevel "${DASHBOARD_LOG:-warn}"
rm -rf "$target"
mv "$target.new" "$target"
