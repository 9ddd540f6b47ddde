#!/bin/sh
# Start a Redis node or a Sentinel: `start.sh node`, `start.sh sentinel`.
#
#   REDIS_NODE_ADDRESS         own IP address, the one that the others use
#   REDIS_SENTINEL_ADDRESSES   IP addresses of the Sentinels, separated by spaces (node)
#   REDIS_FIRST_PRIMARY        IP address of the node that is the primary until there was a failover (sentinel)
#   REDIS_MASTER_NAME          the name of the primary in Sentinel
#   REDIS_MAX_MEMORY           such as 256mb (node)
#   REDIS_SECRETS_FOLDER       files redis_<user>_password
#
# A node has no memory of its role: it asks the Sentinels, who remember the last failover, and starts only when two of
# them agree. A former primary would otherwise take itself for the primary until they correct it, and after an outage of
# everything a node with older data could be the primary: spent refresh tokens would work again.
set -eu
umask 077

REDIS_DATA_FOLDER=${REDIS_DATA_FOLDER:-/data}
REDIS_RUN_FOLDER=${REDIS_RUN_FOLDER:-/run/redis}
REDIS_SECRETS_FOLDER=${REDIS_SECRETS_FOLDER:-/run/secrets}
REDIS_MASTER_NAME=${REDIS_MASTER_NAME:-paseport}
REDIS_MAX_MEMORY=${REDIS_MAX_MEMORY:-256mb}
templates=$(dirname "$0")

say() { echo "start.sh: $*" >&2; }

password() {
    value=$(cat "$REDIS_SECRETS_FOLDER/redis_$1_password")
    case $value in
        "" | *[!A-Za-z0-9_-]*) say "redis_$1_password must hold letters, digits, _ and - only"; exit 2 ;;
    esac
    printf %s "$value"
}

hash() { printf %s "$(password "$1")" | sha256sum | cut -d' ' -f1; }

# Print a template with its variables. Values of variables that are not needed by it are not read.
render() {
    script=""
    for name in $(grep -o '\${REDIS_[A-Z_]*}' "$1" | sort -u | tr -d '${}'); do
        user=$(printf %s "$name" | sed -n 's/^REDIS_\(.*\)_\(HASH\|PASSWORD\)$/\1/p' | tr 'A-Z' 'a-z')
        case $name in
            *_HASH) value=$(hash "$user") ;;
            *_PASSWORD) value=$(password "$user") ;;
            *) eval "value=\${$name:?}" ;;
        esac
        script="${script}s|\${$name}|$value|g
"
    done
    sed "$script" "$1"
}

# Print the primary that one Sentinel names.
ask() {
    REDISCLI_AUTH=$(password client) timeout 2 redis-cli --no-auth-warning --user client -h "$1" -p 26379 --raw \
        SENTINEL get-master-addr-by-name "$REDIS_MASTER_NAME" 2>/dev/null | head -n 1
}

# Print the primary that two Sentinels name, or nothing.
primary() {
    for sentinel in $REDIS_SENTINEL_ADDRESSES; do
        ask "$sentinel" || true
    done | grep -E '^[0-9a-fA-F.:]+$' | sort | uniq -d | head -n 1
}

start_node() {
    mkdir -p "$REDIS_RUN_FOLDER"
    render "$templates/users.acl.template" > "$REDIS_RUN_FOLDER/users.acl"
    render "$templates/node.conf.template" > "$REDIS_RUN_FOLDER/node.conf"
    echo "masterauth $(password replica)" >> "$REDIS_RUN_FOLDER/node.conf"

    named=$(primary)
    tries=30
    while [ -z "$named" ] && [ "$tries" -gt 0 ]; do
        say "no two Sentinels agree on a primary yet"
        sleep 1
        tries=$((tries - 1))
        named=$(primary)
    done
    [ -n "$named" ] || { say "no two Sentinels agree on a primary; giving up"; exit 1; }

    if [ "$named" = "$REDIS_NODE_ADDRESS" ]; then
        say "this node is the primary"
    else
        say "this node follows $named"
        echo "replicaof $named 6379" >> "$REDIS_RUN_FOLDER/node.conf"
    fi
    exec redis-server "$REDIS_RUN_FOLDER/node.conf"
}

start_sentinel() {
    conf=$REDIS_DATA_FOLDER/sentinel.conf
    if [ ! -s "$conf" ]; then
        render "$templates/sentinel.conf.template" > "$conf.new"
    else
        grep -vE '^(user |sentinel (auth-user|auth-pass|sentinel-user|sentinel-pass) )' "$conf" > "$conf.new"
    fi
    # A primary has to be named before its credentials.
    render "$templates/sentinel-credentials.template" >> "$conf.new"
    mv "$conf.new" "$conf"
    exec redis-server "$conf" --sentinel
}

case ${1:-} in
    node) start_node ;;
    sentinel) start_sentinel ;;
    *) say "usage: start.sh node|sentinel"; exit 2 ;;
esac
