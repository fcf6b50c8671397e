# Starts the shop's server: Apache, with as many workers as the container's memory allows, and a heartbeat for
# WordPress's own timetable, which no visitor's request should have to start.
set -eu

# Of a megabyte count: what Apache and the shared caches take, then what one busy worker takes.
shared=160
each=80
workers=$(((${MEMORY_LIMIT_MB:-768} - shared) / each))
[ "$workers" -ge 3 ] || workers=3
[ "$workers" -le 40 ] || workers=40
export APACHE_WORKERS="$workers"

(
  while sleep "${CRON_SECONDS:-60}"; do
    php /opt/shop/cron.php || true
  done
) &

if [ "${XMLRPC:-false}" = true ]; then
  exec apache2 -f /opt/shop/apache.conf -D FOREGROUND -D XMLRPC
fi
exec apache2 -f /opt/shop/apache.conf -D FOREGROUND
