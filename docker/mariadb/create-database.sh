#!/bin/bash
# Runs once, while the image makes a new data folder (/docker-entrypoint-initdb.d).
set -euo pipefail
sql=${CREATE_DATABASE_SQL:-$(dirname "${BASH_SOURCE[0]}")/create-database.sql}

secret() {
    local value
    value=$(cat "/run/secrets/$1")
    if [[ ! $value =~ ^[A-Za-z0-9_-]{16,}$ ]]; then
        echo "create-database.sh: $1 must be 16 or more letters, digits, _ and -" >&2
        exit 1
    fi
    printf %s "$value"
}

# Over standard input: an argument could be read in the list of processes.
{
    echo "SET @service_password = '$(secret mariadb_service_password)';"
    echo "SET @migration_password = '$(secret mariadb_migration_password)';"
    cat "$sql"
} | MYSQL_PWD=$(cat /run/secrets/mariadb_root_password) mariadb --protocol=socket --user=root --batch
