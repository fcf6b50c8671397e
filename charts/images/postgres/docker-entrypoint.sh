#!/bin/bash
# Starts PostgreSQL; an empty data directory is initialised first, from the variables that the official image knows:
# POSTGRES_USER, POSTGRES_DB, POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE, POSTGRES_INITDB_ARGS,
# POSTGRES_HOST_AUTH_METHOD. Scripts of /docker-entrypoint-initdb.d are not run.
set -euo pipefail

fail() {
  echo "$1" >&2
  exit 1
}

initialise() {
  local user=${POSTGRES_USER:-postgres}
  local database=${POSTGRES_DB:-$user}
  local auth=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
  local building=$PGDATA/.initialising
  local password

  password=$(read_password)
  if [ -z "$password" ] && [ "$auth" != trust ]; then
    fail "The data directory is empty and no password is given: set POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE."
  fi

  # In a directory of its own first, and PG_VERSION, which tells an initialised directory, arrives last. Only what an
  # initialisation of ours left behind is thrown away.
  if [ -e "$building" ]; then
    find "$PGDATA" -mindepth 1 -maxdepth 1 ! -name lost+found -exec rm -rf {} +
  elif [ -n "$(find "$PGDATA" -mindepth 1 -maxdepth 1 ! -name lost+found -print -quit)" ]; then
    fail "The data directory $PGDATA is neither empty nor a database: nothing was touched."
  fi
  # The arguments come as one string, as the official image takes them.
  # shellcheck disable=SC2086
  initdb --pgdata "$building" --username "$user" --encoding UTF8 --auth-local trust --auth-host "$auth" \
    --no-sync --pwfile <(printf '%s\n' "${password:-unused}") ${POSTGRES_INITDB_ARGS:-} > /dev/null
  printf '\nhost all all all %s\n' "$auth" >> "$building/pg_hba.conf"
  if [ "$database" != postgres ]; then
    printf 'CREATE DATABASE "%s"\n' "${database//\"/\"\"}" \
      | postgres --single -D "$building" -c log_min_messages=error postgres > /dev/null
  fi

  find "$building" -mindepth 1 -maxdepth 1 ! -name PG_VERSION -exec mv --target-directory "$PGDATA" {} +
  sync --file-system "$PGDATA"
  mv "$building/PG_VERSION" "$PGDATA/"
  rmdir "$building"
  sync --file-system "$PGDATA"
}

read_password() {
  if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then
    [ -z "${POSTGRES_PASSWORD:-}" ] || fail "Give POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE, not both."
    cat "$POSTGRES_PASSWORD_FILE"
  else
    printf '%s' "${POSTGRES_PASSWORD:-}"
  fi
}

# `image -c name=value` is short for `image postgres -c name=value`.
if [ "${1:-}" = "" ] || [ "${1#-}" != "$1" ]; then
  set -- postgres "$@"
fi

if [ "$1" = postgres ]; then
  mkdir -p "$PGDATA"
  chmod 0700 "$PGDATA"
  if [ ! -s "$PGDATA/PG_VERSION" ]; then
    initialise
  fi
  # The server has no use for it, and whoever can read its environment should not find it.
  unset POSTGRES_PASSWORD
fi

exec "$@"
