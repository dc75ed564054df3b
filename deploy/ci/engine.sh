#!/usr/bin/env bash
# 在没有 Docker 的 Debian 机器上提供 Docker 引擎和 compose。
# A Docker engine and `docker compose` on a plain Debian machine (as root), without touching those that are there.
#
#   deploy/ci/engine.sh start    uses the engine that answers; else installs docker.io and starts dockerd
#   deploy/ci/engine.sh stop     ends the dockerd that `start` started, and no other
#
# Debian 12 has no compose v2, so where the plugin is missing it is built as a Go module, once, with this machine's Go.
set -euo pipefail

compose_version=v2.40.3
state=${XDG_CACHE_HOME:-$HOME/.cache}/liuling/docker
pid_file=$state/dockerd.pid

# The dockerd that we started, if it still runs.
own_engine() {
    local pid
    pid=$(cat "$pid_file" 2>/dev/null) && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = dockerd ] && echo "$pid"
}

start_engine() {
    docker info >/dev/null 2>&1 && return
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "没有 Docker 引擎 no Docker engine answers; 请先启动 please start one" >&2
        return 1
    fi
    if ! command -v dockerd >/dev/null || ! command -v docker >/dev/null || ! command -v iptables >/dev/null; then
        echo "安装 installing docker.io"
        { apt-get update && DEBIAN_FRONTEND=noninteractive \
            apt-get install --yes --no-install-recommends docker.io iptables; } >"$state/install.log" 2>&1 ||
            { tail -n 20 "$state/install.log" >&2; return 1; }
        # The package may have started it, where there is an init system to do so.
        docker info >/dev/null 2>&1 && return
    fi
    echo "启动 starting dockerd"
    setsid nohup dockerd >"$state/dockerd.log" 2>&1 </dev/null &
    local pid=$! deadline=$((SECONDS + 60))
    echo "$pid" >"$pid_file"
    until docker info >/dev/null 2>&1; do
        if ! kill -0 "$pid" 2>/dev/null || ((SECONDS > deadline)); then
            tail -n 20 "$state/dockerd.log" >&2
            echo "dockerd 未能启动 did not start" >&2
            return 1
        fi
        sleep 0.2
    done
}

install_compose() {
    docker compose version >/dev/null 2>&1 && return
    local plugin=$state/docker-compose-$compose_version
    if [ ! -x "$plugin" ]; then
        if ! command -v go >/dev/null; then
            echo "没有 docker compose 插件 there is no docker compose plugin, and no Go to build it with" >&2
            return 1
        fi
        echo "构建 building docker compose $compose_version (几分钟 a few minutes)"
        local module
        module=$(mktemp -d)
        (
            cd "$module"
            go mod init liuling.local/compose
            go get -tool "github.com/docker/compose/v2/cmd@$compose_version"
            nice go build -trimpath -o "$plugin.new" \
                -ldflags "-s -w -X github.com/docker/compose/v2/internal.Version=$compose_version" \
                github.com/docker/compose/v2/cmd
        ) >"$state/compose-build.log" 2>&1 || { tail -n 20 "$state/compose-build.log" >&2; return 1; }
        rm -rf "$module"
        mv "$plugin.new" "$plugin"
    fi
    mkdir -p "$HOME/.docker/cli-plugins"
    ln -sf "$plugin" "$HOME/.docker/cli-plugins/docker-compose"
}

stop_engine() {
    local pid
    pid=$(own_engine) || return 0
    kill "$pid"
    timeout 60 tail --pid "$pid" -f /dev/null
    rm -f "$pid_file"
}

mkdir -p "$state"
case ${1:-} in
    start)
        start_engine
        install_compose
        ;;
    stop) stop_engine ;;
    *)
        echo "用法 usage: $0 start|stop" >&2
        exit 2
        ;;
esac
