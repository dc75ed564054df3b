#!/usr/bin/env bash
# 在容器平台上运行主要任务：一个社区的一年。
# The main job against the platform in containers: one community's year through the HTTP APIs and the bus, points
# killed on the way, the ledger rebuilt and compared.
#
# Expects the platform up, and in the environment what `docker compose` and the demo need to find it:
# JWKS_URL, TOKEN_ISSUER, LIULING_SECRETS, REGISTRY_URL, POINTS_URL, GRID_PATROL_URL, MEDIATION_URL, KAFKA_BOOTSTRAP_SERVERS,
# and, since the bus asks for names, KAFKA_USERNAME and KAFKA_PASSWORD.
set -euo pipefail
cd "$(dirname "$0")/../.."

python=.venv/bin/python
[ -x $python ] || { echo "没有 $python: 请用 use make compose-test" >&2; exit 1; }

for url in "$REGISTRY_URL" "$POINTS_URL" "$GRID_PATROL_URL" "$MEDIATION_URL"; do
    echo "$url/health/ready $(curl --silent --show-error --fail --max-time 5 "$url/health/ready")"
done
export COLUMNS=${COLUMNS:-120}
exec $python -m deploy.demo --external --issuer "${LIULING_SECRETS:-deploy/secrets}/issuer"
