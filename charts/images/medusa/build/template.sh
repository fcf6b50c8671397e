# Makes the database that every new store starts from, as plain SQL that any client can run, and shows on the way
# that the pruned application migrates, seeds, starts and lists its products.
set -eu

bin=/usr/lib/postgresql/17/bin
data=/tmp/template
page=/tmp/page.html
# The build may share the machine's network, and with it its ports, with other builds.
free_port() { node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })'; }
port=$(free_port)
as_postgres() { setpriv --reuid postgres --regid postgres --clear-groups "$@"; }

export NODE_ENV=production PORT=$(free_port) \
  DATABASE_URL="postgres://postgres@127.0.0.1:$port/medusa?sslmode=disable" \
  PUBLIC_URL=http://template.invalid JWT_SECRET=template COOKIE_SECRET=template

install -d -o postgres -g postgres "$data"
as_postgres $bin/initdb --pgdata "$data" --auth trust --encoding UTF8 --locale C.UTF-8 --no-sync > /dev/null
as_postgres $bin/pg_ctl --pgdata "$data" --wait --silent --log "$data/log" \
  --options "-p $port -k $data -c listen_addresses=127.0.0.1 -c fsync=off" start
trap 'as_postgres $bin/pg_ctl --pgdata "$data" --mode immediate --silent stop' EXIT
$bin/createdb --host 127.0.0.1 --port $port --username postgres medusa

node_modules/.bin/medusa db:migrate
node_modules/.bin/medusa exec ./src/scripts/seed.js

RECORD_MODULES=1 node server.js &
server=$!
node /build/build/check.js "http://127.0.0.1:$PORT/" > "$page"
kill -TERM $server
wait $server
grep --quiet 'Stoneware Mug' "$page"
test -s modules.json

# Inserts, not COPY: the setup job sends the file through an ordinary client connection. Lines with a backslash are
# commands to psql.
$bin/pg_dump --host 127.0.0.1 --port $port --username postgres \
  --no-owner --no-privileges --no-comments --rows-per-insert 200 medusa \
  | grep --invert-match --extended-regexp '^(\\|--|$)' | gzip --best --no-name > template.sql.gz
ls -l template.sql.gz modules.json modules.bin
