#!/usr/bin/env bash
# A database and an owner role per service. Runs once, by the image's entry point, on an empty data volume.
# Nobody but its owner may connect to a database: a service cannot look into another's.
set -euo pipefail

for service in registry points grid_patrol mediation; do
    # psql reads the password itself, so that it stands on no command line.
    SERVICE=$service psql --no-psqlrc --quiet --username "$POSTGRES_USER" --dbname postgres \
        --set ON_ERROR_STOP=1 --set service="$service" <<'SQL'
\set password `cat "/run/secrets/${SERVICE}_password"`
CREATE ROLE :"service" LOGIN PASSWORD :'password';
CREATE DATABASE :"service" OWNER :"service";
REVOKE ALL ON DATABASE :"service" FROM PUBLIC;
SQL
    echo "数据库 database $service"
done
