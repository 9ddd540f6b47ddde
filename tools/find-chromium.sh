#!/usr/bin/env bash
# Print the path of a Chromium; install Debian's where that is allowed without asking; else say how, and fail.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tools/lib.sh

if [ -n "${CHROMIUM:-}" ]; then
    command -v "$CHROMIUM" || die "CHROMIUM=$CHROMIUM is not a program"
    exit
fi

find_on_path() {
    local name
    for name in chromium chromium-browser google-chrome google-chrome-stable \
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" "/Applications/Chromium.app/Contents/MacOS/Chromium"; do
        command -v "$name" && return
    done
    return 1
}

find_on_path && exit

if command -v apt-get >/dev/null; then
    packages="chromium fonts-dejavu-core fonts-liberation"
    command="apt-get update && apt-get install -y --no-install-recommends $packages"
    if [ "$(id -u)" = 0 ]; then
        say "Installing Chromium: $command" >&2
        DEBIAN_FRONTEND=noninteractive sh -c "$command" >&2
        find_on_path && exit
    fi
    hint="install it with: sudo sh -c '$command'"
elif command -v brew >/dev/null; then
    hint="install it with: brew install --cask chromium"
else
    hint="install the chromium package of your system, or name a browser: CHROMIUM=/path/to/chromium"
fi
die "the browser tests need Chromium; $hint  (ALLOW_MISSING_SERVICES=1 leaves these tests out)"
