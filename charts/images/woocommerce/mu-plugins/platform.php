<?php
/**
 * Plugin Name: Store platform
 * Description: Fits WordPress to the container it runs in. Part of the image.
 */

require_once __DIR__ . '/platform/opening.php';
require_once __DIR__ . '/platform/loopback.php';

// WordPress itself comes with the image, so nobody is offered an update that could not be written.
$image_only = static fn (array $needed, string $wanted): array => $wanted === 'update_core' ? ['do_not_allow'] : $needed;
add_filter('map_meta_cap', $image_only, 10, 2);
unset($image_only);
add_filter('pre_site_transient_update_core', static fn (): object => (object) [
    'updates' => [],
    'version_checked' => wp_get_wp_version(),
    'last_checked' => time(),
]);

// Apache has the rewrite rules; there is no .htaccess file that WordPress should write.
add_filter('flush_rewrite_rules_hard', '__return_false');
add_filter('got_rewrite', '__return_true');

if (Shop\env('XMLRPC', 'false') !== 'true') {
    // Apache refuses it; so no page should point there.
    add_filter('xmlrpc_enabled', '__return_false');
    remove_action('wp_head', 'rsd_link');
}
