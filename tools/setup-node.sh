#!/usr/bin/env bash
# Install the npm packages of one folder from its lock: tools/setup-node.sh frontend
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tools/lib.sh

install_hint() {
    if [ -s "${NVM_DIR:-$HOME/.nvm}/nvm.sh" ]; then echo "nvm install 22"
    elif command -v brew >/dev/null; then echo "brew install node@22"
    elif command -v apt-get >/dev/null; then
        echo "curl -fsSL https://deb.nodesource.com/setup_22.x | sudo bash - && sudo apt-get install -y nodejs"
    else echo "see https://nodejs.org/en/download"
    fi
}

# The versions that the build tools support (`engines` of vite): 20.19 and later of 20, then 22.12 and later.
is_supported() {
    local major minor rest
    IFS=. read -r major minor rest <<<"${1#v}"
    [ "$major" = 20 ] && [ "$minor" -ge 19 ] && return
    [ "$major" = 22 ] && [ "$minor" -ge 12 ] && return
    [ "$major" -gt 22 ]
}

found=$(node --version 2>/dev/null || echo none)
is_supported "$found" 2>/dev/null ||
    die "Paseport needs Node 20.19 or newer (22.12 or newer of 22; found: ${found}). Install it: $(install_hint)"
command -v npm >/dev/null || die "Node ${found} came without npm. Install it: $(install_hint)"

say "Installing the npm packages of $1"
# Install scripts are off: a compromised package must not run code on the machine of whoever types `make setup`.
# Browsers come from the operating system, not from a download of Playwright's.
cd "$1"
PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
