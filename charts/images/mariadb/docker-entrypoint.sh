#!/bin/bash
# Starts MariaDB; an empty data directory is initialised first, from the variables that the official image knows:
# MARIADB_DATABASE, MARIADB_USER, MARIADB_PASSWORD, MARIADB_ROOT_PASSWORD, MARIADB_ROOT_HOST. A password may also be given
# as a file: MARIADB_PASSWORD_FILE, MARIADB_ROOT_PASSWORD_FILE. Scripts of /docker-entrypoint-initdb.d are not run.
set -euo pipefail

fail() {
  echo "$1" >&2
  exit 1
}

initialise() {
  local data=$1
  local building=$data/.initialising
  local password root_password work

  password=$(read_secret MARIADB_PASSWORD)
  root_password=$(read_secret MARIADB_ROOT_PASSWORD)
  [ -n "$root_password" ] \
    || fail "The data directory is empty and root has no password: set MARIADB_ROOT_PASSWORD or MARIADB_ROOT_PASSWORD_FILE."
  if [ -n "${MARIADB_USER:-}" ] && [ -z "$password" ]; then
    fail "The user $MARIADB_USER has no password: set MARIADB_PASSWORD or MARIADB_PASSWORD_FILE."
  fi

  # In a directory of its own first, and `mysql`, which tells an initialised directory, arrives last. Only what an
  # initialisation of ours left behind is thrown away.
  if [ -e "$building" ]; then
    find "$data" -mindepth 1 -maxdepth 1 ! -name lost+found -exec rm -rf {} +
  elif [ -n "$(find "$data" -mindepth 1 -maxdepth 1 ! -name lost+found -print -quit)" ]; then
    fail "The data directory $data is neither empty nor a database: nothing was touched."
  fi
  mkdir "$building"
  # A file, not a pipe, is what mariadb-install-db takes. It goes as soon as it was read.
  work=$(mktemp -d)
  # shellcheck disable=SC2064 # the name is a local one: the trap must not look it up later
  trap "rm -rf '$work'" EXIT
  accounts "$password" "$root_password" > "$work/accounts.sql"
  # "Force" only means: without looking up this machine's name.
  mariadb-install-db --no-defaults --force --datadir="$building" --auth-root-authentication-method=normal \
    --skip-test-db --skip-log-bin --innodb-flush-log-at-trx-commit=0 \
    --extra-file="$work/accounts.sql" > "$work/log" 2>&1 \
    || { cat "$work/log" >&2; fail "MariaDB could not initialise its data directory."; }
  rm -rf "$work"
  trap - EXIT

  find "$building" -mindepth 1 -maxdepth 1 ! -name mysql -exec mv --target-directory "$data" {} +
  sync --file-system "$data"
  mv "$building/mysql" "$data/"
  rmdir "$building"
  sync --file-system "$data"
}

# One statement a line: the bootstrap that reads them knows no other end. The anonymous users would come before '%' for
# connections from this machine, and root would have no password under other names of it.
accounts() {
  local password=$1 root_password=$2 root_host=${MARIADB_ROOT_HOST-%}
  echo "FLUSH PRIVILEGES;"
  echo "DELETE FROM mysql.global_priv WHERE User = '' OR (User = 'root' AND Host <> 'localhost');"
  echo "DELETE FROM mysql.proxies_priv WHERE Host <> 'localhost';"
  echo "FLUSH PRIVILEGES;"
  echo "ALTER USER root@localhost IDENTIFIED BY $(quoted "$root_password");"
  if [ -n "$root_host" ] && [ "$root_host" != localhost ]; then
    echo "CREATE USER root@$(quoted "$root_host") IDENTIFIED BY $(quoted "$root_password");"
    echo "GRANT ALL ON *.* TO root@$(quoted "$root_host") WITH GRANT OPTION;"
  fi
  if [ -n "${MARIADB_DATABASE:-}" ]; then
    echo "CREATE DATABASE \`${MARIADB_DATABASE//\`/\`\`}\`;"
  fi
  if [ -n "${MARIADB_USER:-}" ]; then
    echo "CREATE USER $(quoted "$MARIADB_USER")@'%' IDENTIFIED BY $(quoted "$password");"
    if [ -n "${MARIADB_DATABASE:-}" ]; then
      local pattern=${MARIADB_DATABASE//_/\\_}
      echo "GRANT ALL ON \`${pattern//\`/\`\`}\`.* TO $(quoted "$MARIADB_USER")@'%';"
    fi
  fi
}

# A string as SQL wants it.
quoted() {
  local text=${1//\\/\\\\}
  printf "'%s'" "${text//\'/\\\'}"
}

read_secret() {
  local name=$1
  local file_name=${name}_FILE
  if [ -n "${!file_name:-}" ]; then
    [ -z "${!name:-}" ] || fail "Give $name or $file_name, not both."
    cat "${!file_name}"
  else
    printf '%s' "${!name:-}"
  fi
}

# Where the server will look, arguments included.
data_directory() {
  "$@" --verbose --help 2> /dev/null | awk '$1 == "datadir" { print $2; exit }'
}

# `image --name=value` is short for `image mariadbd --name=value`.
if [ "${1:-}" = "" ] || [ "${1#-}" != "$1" ]; then
  set -- mariadbd "$@"
fi

if [ "$1" = mariadbd ]; then
  data=$(data_directory "$@")
  [ -n "$data" ] || { "$@" --verbose --help > /dev/null; fail "MariaDB does not say where its data directory is."; }
  mkdir -p "$data"
  if [ ! -d "$data/mysql" ]; then
    initialise "${data%/}"
  fi
  # The server has no use for them, and whoever can read its environment should not find them.
  unset MARIADB_PASSWORD MARIADB_ROOT_PASSWORD
fi

exec "$@"
