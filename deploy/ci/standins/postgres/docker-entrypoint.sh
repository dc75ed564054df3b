#!/usr/bin/env bash
# What the official image promises, as far as this platform uses it: POSTGRES_PASSWORD, POSTGRES_USER, POSTGRES_DB,
# POSTGRES_INITDB_ARGS, POSTGRES_HOST_AUTH_METHOD, each also as X_FILE; PGDATA; /docker-entrypoint-initdb.d with *.sh,
# *.sql and *.sql.gz; `-c name=value` as arguments; runs as `postgres` whether started as root or not.
set -euo pipefail

# from_file NAME [DEFAULT]: the variable, or the content of the file that NAME_FILE names.
from_file() {
    local file_name="${1}_FILE"
    if [ -n "${!1:-}" ] && [ -n "${!file_name:-}" ]; then
        echo "error: both $1 and $file_name are set" >&2
        exit 1
    fi
    if [ -n "${!file_name:-}" ]; then
        printf -v "$1" '%s' "$(<"${!file_name}")"
    fi
    printf -v "$1" '%s' "${!1:-${2:-}}"
    export "${1?}"
    unset "$file_name"
}

initialise() {
    from_file POSTGRES_PASSWORD
    from_file POSTGRES_USER postgres
    from_file POSTGRES_DB "$POSTGRES_USER"
    from_file POSTGRES_INITDB_ARGS
    local method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
    if [ -z "$POSTGRES_PASSWORD" ] && [ "$method" != trust ]; then
        echo "error: the database is new and POSTGRES_PASSWORD is not set" >&2
        exit 1
    fi
    # Word splitting is how the variable is meant.
    # shellcheck disable=SC2086
    initdb --username "$POSTGRES_USER" --pwfile <(printf '%s\n' "$POSTGRES_PASSWORD") -D "$PGDATA" $POSTGRES_INITDB_ARGS
    printf '\nhost all all all %s\n' "$method" >>"$PGDATA/pg_hba.conf"
    # The wheel's own clients look in /tmp.
    printf "\nlisten_addresses = '*'\nunix_socket_directories = '/var/run/postgresql, /tmp'\n" \
        >>"$PGDATA/postgresql.conf"

    # On its socket only, so that nobody meets a database that is half made.
    pg_ctl -D "$PGDATA" -w -o "$* -c listen_addresses=''" start
    export PGHOST=/var/run/postgresql PGPASSWORD=$POSTGRES_PASSWORD
    if [ "$POSTGRES_DB" != postgres ]; then
        createdb --username "$POSTGRES_USER" --maintenance-db postgres "$POSTGRES_DB"
    fi
    local file run=(psql --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB")
    for file in /docker-entrypoint-initdb.d/*; do
        # shellcheck source=/dev/null
        case $file in
            *.sh) echo "running $file"; if [ -x "$file" ]; then "$file"; else . "$file"; fi ;;
            *.sql) echo "running $file"; "${run[@]}" --file "$file" ;;
            *.sql.gz) echo "running $file"; gunzip --stdout "$file" | "${run[@]}" ;;
        esac
    done
    unset PGHOST PGPASSWORD
    pg_ctl -D "$PGDATA" -m fast -w stop
}

[ "${1:0:1}" = - ] && set -- postgres "$@"
if [ "$1" = postgres ]; then
    mkdir -p "$PGDATA" && chmod 0700 "$PGDATA"
    if [ "$(id -u)" = 0 ]; then
        chown -R postgres "$PGDATA" /var/run/postgresql
        exec setpriv --reuid postgres --regid postgres --init-groups -- "$0" "$@"
    fi
    [ -s "$PGDATA/PG_VERSION" ] || initialise "${@:2}"
    unset POSTGRES_PASSWORD
fi
exec "$@"
