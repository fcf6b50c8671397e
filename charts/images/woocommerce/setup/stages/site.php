<?php
/** The site around the shop: the sample pictures become media, and the plugin is switched on. */

require_once ABSPATH . 'wp-admin/includes/plugin.php';

require_once __DIR__ . '/../pictures.php';
require_once __DIR__ . '/../catalogue.php';

const PICTURES_DONE = 'store_platform_pictures';

// Once: what the shopkeeper deletes stays deleted.
if (get_option(PICTURES_DONE) === false) {
    foreach (catalogue() as $product) {
        ensure_picture($product['picture'], $product['name']);
    }
    add_option(PICTURES_DONE, '1', '', false);
}

if (Shop\plugin_version(WP_PLUGIN_DIR . '/' . Shop\PLUGIN) !== null && get_option('store_platform_plugin') === false) {
    $outcome = is_plugin_active(Shop\PLUGIN) ? null : activate_plugin(Shop\PLUGIN);
    if (is_wp_error($outcome) || !is_plugin_active(Shop\PLUGIN)) {
        throw new RuntimeException('WooCommerce cannot be activated: ' . (is_wp_error($outcome) ? $outcome->get_error_message() : 'it is not active'));
    }
    add_option('store_platform_plugin', '1', '', false);
}
