#!/usr/bin/env bash
# 在容器中启动整个平台，运行主要任务，然后拆除（失败时也拆除）。
# Brings the platform up in containers, runs the main job against it, and takes it down, also when it fails.
#
#   make compose-test
#   PULL=1 make compose-test      pulls the official base images that are absent, instead of building stand-ins
#   KEEP=1 make compose-test      leaves the platform running; prints how to take it down
#
# It has a project name, secrets, volumes and ports of its own: an installation on this machine is not touched.
set -euo pipefail
cd "$(dirname "$0")/../.."

work=$(mktemp -d "${TMPDIR:-/tmp}/liuling-compose.XXXXXX")
services=(registry points grid_patrol mediation)
export COMPOSE_FILE=deploy/docker-compose.yml
export COMPOSE_PROJECT_NAME=liuling-test
export LIULING_IMAGE=liuling:test
export LIULING_SECRETS=$work/secrets
export LIULING_BACKUPS=$work/backups
# shellcheck disable=SC2046 # two words, each a variable with its value
export $(bash deploy/secrets.sh development)
# A year is entered in a minute, so things may be dated further back than the week that is the default.
export BACKDATING_MAX_DAYS=400

phase_started=$SECONDS
# phase NAME: says how long the last one took.
phase() {
    echo "== $1 （上一步 previous: $((SECONDS - phase_started)) s）"
    phase_started=$SECONDS
}

take_down() {
    local code=$?
    trap - EXIT INT TERM
    if ((code != 0)); then
        docker compose ps --all 2>/dev/null || true
        for service in postgres kafka "${services[@]/%/-migrate}" "${services[@]}"; do
            echo "-- $service"
            docker compose logs --no-color --no-log-prefix --tail 25 "$service" 2>/dev/null || true
        done
    fi
    if [ -n "${KEEP:-}" ]; then
        echo "平台仍在运行 the platform is still up: COMPOSE_PROJECT_NAME=$COMPOSE_PROJECT_NAME" \
            "LIULING_SECRETS=$LIULING_SECRETS JWKS_URL=$JWKS_URL TOKEN_ISSUER=$TOKEN_ISSUER docker compose -f $COMPOSE_FILE down --volumes"
        exit "$code"
    fi
    phase "拆除 taking it down"
    docker compose down --volumes --remove-orphans >"$work/down.log" 2>&1 || { cat "$work/down.log"; code=1; }
    bash deploy/ci/engine.sh stop || code=1
    rm -rf "$work"
    if ((code == 0)); then echo "compose-test: ok — $SECONDS s"; else echo "compose-test: failed — $SECONDS s"; fi
    exit "$code"
}

# A port that nothing listens on, from those the system gives out.
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

phase "引擎 engine"
bash deploy/ci/engine.sh start
trap take_down EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

phase "基础镜像 base images"
if [ -n "${PULL:-}" ]; then
    for image in python:3.11-slim-bookworm postgres:18 apache/kafka:4.3.1; do
        docker image inspect "$image" >/dev/null 2>&1 || docker pull "$image"
    done
fi
bash deploy/ci/images.sh
bash deploy/ci/images.sh list

phase "服务镜像 the services' image"
source deploy/ci/pip-settings.sh
pip_settings "$work"
docker compose build registry >"$work/build.log" 2>&1 || { tail -n 40 "$work/build.log"; exit 1; }
bash deploy/secrets.sh
# shellcheck disable=SC2207 # two words, each a variable with its value
subscriber=($(bash deploy/secrets.sh subscriber test 2>/dev/null))

phase "启动 starting"
for service in "${services[@]}"; do
    port=$(free_port)
    export "${service^^}_PORT=$port" "${service^^}_URL=http://127.0.0.1:$port"
done
KAFKA_PORT=$(free_port)
export KAFKA_PORT KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:$KAFKA_PORT
# Left over from a run that was itself killed.
docker compose down --volumes --remove-orphans >/dev/null 2>&1
docker compose up --detach --no-build --wait --wait-timeout 180 "${services[@]}"
docker compose ps --all --format 'table {{.Service}}\t{{.Status}}'

phase "备份 backup"
bash deploy/backup.sh

phase "主要任务 main job"
KAFKA_USERNAME=admin KAFKA_PASSWORD=$(cat "$LIULING_SECRETS/admin_kafka_password") bash deploy/ci/main-job.sh

phase "其他系统订阅 another system subscribes"
# It reads for ever, so it is ended, by the end of the pipe or the time.
read_by_subscriber=$(env "${subscriber[@]}" timeout 30 .venv/bin/python examples/subscribe.py 2>"$work/subscriber.log" | head -n 3 || true)
echo "$read_by_subscriber"
[ "$(wc -l <<<"$read_by_subscriber")" = 3 ] || { tail -n 5 "$work/subscriber.log"; exit 1; }
if timeout 30 .venv/bin/python examples/subscribe.py >"$work/stranger.log" 2>&1; then
    echo "没有名字也能读 read without a name"
    exit 1
fi
grep -q KafkaConnectionError "$work/stranger.log" || { tail -n 5 "$work/stranger.log"; exit 1; }

# The dumps know nothing of the main job: all of it has to come back from the bus.
events_of() { docker compose exec -T postgres psql -U postgres -tAc 'SELECT count(*) FROM events' "$1"; }
for service in registry points; do
    phase "恢复 restore $service"
    told=$(events_of "$service")
    bash deploy/backup.sh restore "$service" "$LIULING_BACKUPS/$service"-*.dump
    [ "$(events_of "$service")" = "$told" ] || { echo "事件没有全部读回 not all of $told events came back"; exit 1; }
done
