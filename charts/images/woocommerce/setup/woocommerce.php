<?php
/** What makes a fresh WooCommerce a shop that can sell. Each function finds what an interrupted run has left. */

const FLAT_RATE = '4.90';

/** Where the shop is, what it takes, and no guided tour for somebody who already has a shop. */
function set_options(): void
{
    $options = [
        'woocommerce_store_address' => Shop\env('SHOP_STREET', ''),
        'woocommerce_store_city' => Shop\env('SHOP_CITY', ''),
        'woocommerce_store_postcode' => Shop\env('SHOP_POSTCODE', ''),
        'woocommerce_default_country' => Shop\env('SHOP_COUNTRY'),
        'woocommerce_currency' => Shop\env('SHOP_CURRENCY'),
        'woocommerce_price_num_decimals' => '2',
        'woocommerce_weight_unit' => 'kg',
        'woocommerce_dimension_unit' => 'cm',
        'woocommerce_allowed_countries' => 'all',
        'woocommerce_ship_to_countries' => '',
        'woocommerce_calc_taxes' => 'no',
        'woocommerce_enable_guest_checkout' => 'yes',
        'woocommerce_coming_soon' => 'no',
        'woocommerce_store_pages_only' => 'no',
        'woocommerce_allow_tracking' => 'no',
        'woocommerce_show_marketplace_suggestions' => 'no',
        'woocommerce_task_list_hidden' => 'yes',
        'woocommerce_task_list_hidden_lists' => ['setup', 'extended'],
        'woocommerce_onboarding_profile' => ['skipped' => true],
    ];
    foreach ($options as $name => $value) {
        update_option($name, $value);
    }
    $cash = (array) get_option('woocommerce_cod_settings', []);
    update_option('woocommerce_cod_settings', ['enabled' => 'yes', 'enable_for_virtual' => 'yes'] + $cash + [
        'title' => 'Cash on delivery',
        'description' => 'Pay with cash upon delivery.',
        'instructions' => 'Pay with cash upon delivery.',
        'enable_for_methods' => [],
    ]);
    delete_transient('_wc_activation_redirect');
}

/** One zone without places is everywhere. */
function ensure_shipping(): void
{
    if (WC_Shipping_Zones::get_zones() !== []) {
        return;
    }
    $zone = new WC_Shipping_Zone();
    $zone->set_zone_name('Everywhere');
    $zone->save();
    $instance = $zone->add_shipping_method('flat_rate');
    if (!$instance) {
        throw new RuntimeException('WooCommerce has no flat rate to ship with');
    }
    update_option("woocommerce_flat_rate_{$instance}_settings", [
        'title' => 'Flat rate',
        'tax_status' => 'taxable',
        'cost' => FLAT_RATE,
    ]);
}

/** Shop, cart, checkout and account; WooCommerce made them when it was activated, unless that was cut off. */
function ensure_pages(): void
{
    $missing = static fn (): array => array_filter(
        ['shop', 'cart', 'checkout', 'myaccount'],
        static fn (string $page): bool => wc_get_page_id($page) < 1,
    );
    if ($missing() !== []) {
        WC_Install::create_pages();
    }
    if ($missing() !== []) {
        throw new RuntimeException('WooCommerce did not make its pages: ' . implode(', ', $missing()));
    }
}

function ensure_product(array $item): void
{
    if (wc_get_product_id_by_sku($item['sku'])) {
        return;
    }
    $product = new WC_Product_Simple();
    $product->set_name($item['name']);
    $product->set_sku($item['sku']);
    $product->set_regular_price($item['price']);
    $product->set_weight($item['weight']);
    $product->set_short_description($item['summary']);
    $product->set_description($item['description']);
    $product->set_image_id(ensure_picture($item['picture'], $item['name']));
    $product->set_catalog_visibility('visible');
    $product->set_stock_status('instock');
    $product->set_status('publish');
    if (!$product->save()) {
        throw new RuntimeException("WooCommerce did not save the product {$item['name']}");
    }
}

/** WordPress's own examples would stand among the shop's pages. */
function remove_examples(): void
{
    foreach (['post' => 'hello-world', 'page' => 'sample-page'] as $type => $slug) {
        $example = get_page_by_path($slug, OBJECT, $type);
        if ($example) {
            wp_delete_post($example->ID, true);
        }
    }
}

/** The products are the front page. */
function open_shop(): void
{
    update_option('show_on_front', 'page');
    update_option('page_on_front', wc_get_page_id('shop'));
    // Otherwise left to the first visit of the admin pages; among it is the choice of where orders are kept.
    try {
        WC_Install::newly_installed();
    } catch (Throwable $error) {
        fwrite(STDERR, "left to the first visit of the admin pages: {$error->getMessage()}\n");
    }
}
