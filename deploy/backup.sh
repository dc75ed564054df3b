#!/usr/bin/env bash
# 备份和恢复各服务的数据库：docs/backups.md。
# Backs up the databases of the services, and restores them: docs/backups.md.
#
#   deploy/backup.sh [SERVICE …]              dumps these, or all four, into LIULING_BACKUPS
#   deploy/backup.sh restore SERVICE FILE     puts a dump in place of the service's database, and has the service read
#                                             back from the bus what was told since
#
# Dumps are taken while everything runs. Whoever listens is dumped before those it listens to: what a dump knows of
# others, theirs know too.
set -euo pipefail
umask 077

# shellcheck source=deploy/dotenv.sh
source "$(dirname "$0")/dotenv.sh"
folder=$(path_setting LIULING_BACKUPS backups)
keep_days=$(setting LIULING_BACKUPS_KEEP_DAYS 35)
services=(points mediation grid_patrol registry)
now=$(date -u +%Y%m%dT%H%M%SZ)

compose() { docker compose -f "$deploy/docker-compose.yml" "$@"; }
in_postgres() { compose exec -T postgres "$@"; }
run_sql() { in_postgres psql --no-psqlrc --quiet --username postgres --dbname postgres --set ON_ERROR_STOP=1 "$@"; }

usage() {
    echo "用法 usage: $0 [SERVICE …] | restore SERVICE FILE    (${services[*]})" >&2
    exit 2
}

# among NAME WORD …: whether the name is one of the words.
among() {
    local name=$1 word
    shift
    for word in "$@"; do [ "$name" != "$word" ] || return 0; done
    return 1
}

# A dump is there as a whole, under its name, or not at all.
dump() {
    local file=$folder/$1-$now.dump
    in_postgres pg_dump --username postgres --format custom "$1" >"$file.part"
    in_postgres pg_restore --list <"$file.part" >/dev/null
    mv "$file.part" "$file"
    thin_out "$1"
    echo "已备份 backed up $1: $file ($(du -h "$file" | cut -f 1))"
}

# Of those older than a day the first of each day stays, for as long as is said.
thin_out() {
    local file day last=''
    find "$folder" -name "$1-*.dump" -mtime "+$keep_days" -delete
    for file in "$folder/$1"-*.dump; do
        day=${file##*-}
        day=${day%%T*}
        if [ "$day" = "$last" ] && [ -n "$(find "$file" -mtime +0)" ]; then rm "$file"; fi
        last=$day
    done
}

# The dump goes into a database of its own, which takes the other's place when it is complete; the other one stays.
put_in_place() {
    local service=$1 file=$2
    run_sql --set service="$service" --set restored="${service}_restored" <<'SQL'
DROP DATABASE IF EXISTS :"restored";
CREATE DATABASE :"restored" OWNER :"service";
REVOKE ALL ON DATABASE :"restored" FROM PUBLIC;
SQL
    in_postgres pg_restore --username postgres --dbname "${service}_restored" --no-owner --role "$service" \
        --exit-on-error <"$file"
    run_sql --set service="$service" --set restored="${service}_restored" --set before="${service}_before_$now" <<'SQL'
SELECT format('ALTER DATABASE %I RENAME TO %I', :'service', :'before') FROM pg_database WHERE datname = :'service' \gexec
ALTER DATABASE :"restored" RENAME TO :"service";
SQL
}

restore() {
    local service=$1 file=$2
    [ -s "$file" ] || { echo "没有这个文件，或是空的 no such file, or an empty one: $file" >&2; exit 1; }
    compose stop "$service"
    compose up -d --wait postgres kafka
    put_in_place "$service" "$file"
    echo "恢复前的数据库 the database of before: ${service}_before_$now；不再需要时删除 once it is not needed any more: DROP DATABASE"
    compose run --rm "$service-migrate"
    compose run --rm --no-deps "$service" python -m "services.$service" recover
    compose up -d --wait "$service"
    echo "已恢复 restored $service"
}

if [ "${1:-}" = restore ]; then
    [ $# -eq 3 ] && among "$2" "${services[@]}" || usage
    restore "$2" "$3"
    exit
fi
for service in "$@"; do among "$service" "${services[@]}" || usage; done
[ $# -gt 0 ] || set -- "${services[@]}"
mkdir -p "$folder"
for service in "${services[@]}"; do
    if among "$service" "$@"; then dump "$service"; fi
done
