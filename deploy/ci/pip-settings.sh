# shellcheck shell=bash
# Sourced. Sets LIULING_PIP_CONF, LIULING_CA_BUNDLE and LIULING_BUILD_NETWORK for `docker compose build`, so that pip
# inside the build finds packages as it does on this machine: the same index, proxy and certificate authority.
#
#   pip_settings FOLDER      where the files go
pip_settings() {
    local folder=$1 certificates
    python3 -m pip config list 2>/dev/null | python3 -c '
import ast, sys
kept = {}
for line in sys.stdin:
    name, _, value = line.strip().partition("=")
    option = name.rpartition(".")[2].replace("_", "-")
    # Paths mean nothing inside the build; the certificates are handed in as a file of their own.
    if option in {"index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "default-timeout", "retries"}:
        kept[option.removeprefix("default-")] = ast.literal_eval(value)
print("[global]", *(f"{option} = {value}" for option, value in kept.items()), sep="\n")
' >"$folder/pip.conf"
    certificates=${PIP_CERT:-$(python3 -m pip config get global.cert 2>/dev/null || true)}
    export LIULING_PIP_CONF=$folder/pip.conf
    export LIULING_CA_BUNDLE=${certificates:-/dev/null}
    export LIULING_BUILD_NETWORK=host
}
