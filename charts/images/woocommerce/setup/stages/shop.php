<?php
/** The shop: settings, shipping, pages and sample products, once; from then on they are the shopkeeper's. */

require_once __DIR__ . '/../pictures.php';
require_once __DIR__ . '/../catalogue.php';
require_once __DIR__ . '/../woocommerce.php';

const SHOP_DONE = 'store_platform_shop';

if (get_option(SHOP_DONE) === false) {
    if (!function_exists('WC')) {
        throw new RuntimeException('WooCommerce is active, but was not loaded');
    }
    set_options();
    ensure_shipping();
    ensure_pages();
    foreach (catalogue() as $product) {
        ensure_product($product);
    }
    remove_examples();
    open_shop();
    // Rules are made anew by the first visitor's request, with everything loaded that has any.
    delete_option('rewrite_rules');
    add_option(SHOP_DONE, '1', '', false);
}
