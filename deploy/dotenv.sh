# shellcheck shell=bash
# What docker compose knows, too: the environment, then deploy/.env; a relative path counts from deploy/.

deploy=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# setting NAME DEFAULT: prints the value of a variable.
setting() {
    local value=${!1:-}
    if [ -z "$value" ] && [ -f "$deploy/.env" ]; then
        value=$(sed -n "s/^[[:space:]]*\(export[[:space:]]\{1,\}\)\{0,1\}$1[[:space:]]*=[[:space:]]*//p" "$deploy/.env" |
            tail -n 1 | tr -d '\r')
        case $value in
            \"*\"* | \'*\'*) value=${value#?}; value=${value%%[\"\']*} ;;
            *) value=${value%%[[:space:]]#*}; value=${value%"${value##*[![:space:]]}"} ;;
        esac
    fi
    printf '%s' "${value:-$2}"
}

# path_setting NAME DEFAULT: the same for a path, absolute.
path_setting() {
    local value
    value=$(setting "$1" "$2")
    case $value in /*) printf '%s' "$value" ;; *) printf '%s' "$deploy/${value#./}" ;; esac
}
