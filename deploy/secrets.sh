#!/usr/bin/env bash
# 一次性生成容器所用的密钥；已有的保持不变。
# Makes the secrets that the containers read, once; what exists is kept.
#
#   deploy/secrets.sh                            passwords, keys, the development issuer's key pair
#   deploy/secrets.sh subscriber NAME            a name for another system on the bus; prints name and password
#   deploy/secrets.sh development                prints the two variables with which the development issuer is trusted
#   deploy/secrets.sh token ROLE [NODE [PERSON]] prints a bearer token of the development issuer
#
# Containers see a secret as a bind-mounted file with the owner and mode that it has here, and they run as users of
# their own. So the folder is what keeps others out (0700), and the files mounted from it are readable (0444). The
# issuer's private key is mounted nowhere and readable by its owner only.
set -euo pipefail
umask 077

# shellcheck source=deploy/dotenv.sh
source "$(dirname "$0")/dotenv.sh"
folder=$(path_setting LIULING_SECRETS secrets)
image=$(setting LIULING_IMAGE liuling:0.1.0)
services=(registry points grid_patrol mediation)

# keep NAME: stores standard input under NAME, unless it is there already. Complete or not at all.
keep() {
    cat >"$folder/.$1.new"
    chmod 0444 "$folder/.$1.new"
    if [ -s "$folder/$1" ]; then rm "$folder/.$1.new"; else mv "$folder/.$1.new" "$folder/$1"; fi
}

random_hex() { head -c 24 /dev/urandom | od -A n -t x1 | tr -d ' \n'; }
random_key() { head -c 32 /dev/urandom | base64 | tr -d '\n'; }

# Everybody whom the bus knows: one for each file NAME_kafka_password.
kafka_users() {
    local file name
    printf 'users=org.apache.kafka.common.security.plain.PlainLoginModule required'
    printf ' username="admin" password="%s"' "$(cat "$folder/admin_kafka_password")"
    for file in "$folder"/*_kafka_password; do
        name=$(basename "$file" _kafka_password)
        printf ' user_%s="%s"' "$name" "$(cat "$file")"
    done
    printf ';\n'
}

# Written over, so that a container to which the file is mounted sees it, too.
tell_kafka() {
    touch "$folder/kafka_users"
    chmod 0644 "$folder/kafka_users"
    kafka_users >"$folder/kafka_users"
    chmod 0444 "$folder/kafka_users"
}

issuer() {
    docker run --rm --network none --read-only --cap-drop ALL --security-opt no-new-privileges \
        --user "$(id -u):$(id -g)" --volume "$folder/issuer:/issuer" \
        "$image" python -m shared.auth.issuer /issuer "$@"
}

prepare() {
    docker image inspect "$image" >/dev/null 2>&1 || {
        echo "没有镜像 there is no image $image; 先运行 run first: docker compose -f deploy/docker-compose.yml build" >&2
        exit 1
    }
    mkdir -p "$folder/issuer"
    chmod 0700 "$folder" "$folder/issuer"
    random_hex | keep postgres_password
    random_hex | keep admin_kafka_password
    random_key | keep actor_key
    for service in "${services[@]}"; do
        random_hex | keep "${service}_password"
        random_hex | keep "${service}_kafka_password"
        printf 'postgresql://%s:%s@postgres:5432/%s' "$service" "$(cat "$folder/${service}_password")" "$service" |
            keep "${service}_database_url"
        random_key | keep "${service}_vault_key"
    done
    tell_kafka
    issuer >/dev/null
    chmod 0444 "$folder/issuer/jwks.json"
}

case ${1:-} in
    '')
        prepare
        echo "密钥在 secrets are in $folder"
        ;;
    development)
        echo "JWKS_URL=file:///run/secrets/jwks"
        echo "TOKEN_ISSUER=liuling-development"
        ;;
    subscriber)
        [[ ${2:-} =~ ^[a-z0-9-]{1,40}$ ]] || { echo "用法 usage: $0 subscriber NAME (a-z, 0-9, -)" >&2; exit 2; }
        [ -s "$folder/admin_kafka_password" ] || { echo "先运行 run first: $0" >&2; exit 1; }
        random_hex | keep "subscriber-$2_kafka_password"
        tell_kafka
        echo "KAFKA_USERNAME=subscriber-$2"
        echo "KAFKA_PASSWORD=$(cat "$folder/subscriber-$2_kafka_password")"
        echo "总线重启后生效 good once the bus was restarted: docker compose -f deploy/docker-compose.yml restart kafka" >&2
        ;;
    token)
        [ $# -ge 2 ] || { echo "用法 usage: $0 token ROLE [NODE [PERSON]]" >&2; exit 2; }
        issuer --role "$2" ${3:+--node "$3"} ${4:+--subject "$4"}
        ;;
    *)
        echo "用法 usage: $0 [development | subscriber NAME | token ROLE [NODE [PERSON]]]" >&2
        exit 2
        ;;
esac
