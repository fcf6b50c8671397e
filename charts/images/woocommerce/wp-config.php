<?php
/** WordPress's configuration: all of it comes from the store's environment and Secret, nothing is kept here. */

require_once '/opt/shop/lib/environment.php';

define('DB_NAME', 'wordpress');
define('DB_USER', 'wordpress');
define('DB_PASSWORD', Shop\secret('database-password'));
define('DB_HOST', Shop\env('DATABASE_HOST', 'database:3306'));
define('DB_CHARSET', 'utf8mb4');
define('DB_COLLATE', '');
$table_prefix = 'wp_';

// One secret of the store's gives all of WordPress's: whoever learns one of them learns none of the others.
foreach (['AUTH_KEY', 'SECURE_AUTH_KEY', 'LOGGED_IN_KEY', 'NONCE_KEY'] as $shop_key) {
    $shop_salt = str_replace('KEY', 'SALT', $shop_key);
    define($shop_key, hash_hmac('sha256', $shop_key, Shop\secret('wordpress-secret')));
    define($shop_salt, hash_hmac('sha256', $shop_salt, Shop\secret('wordpress-secret')));
}
unset($shop_key, $shop_salt);

define('WP_HOME', Shop\public_url());
define('WP_SITEURL', Shop\public_url());
// A store whose address says https is reached through a proxy that ends TLS, whether or not it says so with each request
// (X-Forwarded-Proto): all links are https, and cookies are sent over TLS only. Otherwise nobody is believed who says so.
if (Shop\is_https()) {
    $_SERVER['HTTPS'] = 'on';
    define('FORCE_SSL_ADMIN', true);
}

define('WP_CONTENT_DIR', Shop\CONTENT);
define('WPMU_PLUGIN_DIR', Shop\ROOT . '/mu-plugins');

// WordPress itself comes with the image; plugins and themes are the shopkeeper's.
define('WP_AUTO_UPDATE_CORE', false);
define('FS_METHOD', 'direct');
define('DISALLOW_FILE_EDIT', true);
// start.sh has the timetable's heart.
define('DISABLE_WP_CRON', true);
define('WP_MEMORY_LIMIT', '256M');
define('WP_POST_REVISIONS', 10);

if (!defined('ABSPATH')) {
    define('ABSPATH', __DIR__ . '/');
}
require_once ABSPATH . 'wp-settings.php';
