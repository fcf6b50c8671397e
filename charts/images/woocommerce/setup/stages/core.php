<?php
/** WordPress itself: installed or brought up to date, under the store's name and address, with its administrator. */

require_once ABSPATH . 'wp-admin/includes/upgrade.php';

const PERMALINKS = '/%postname%/';

/** WordPress would send a letter from a machine that has no post office. */
function wp_new_blog_notification(): void
{
}

/** `acme-garden` becomes `Acme Garden`. */
function store_title(string $name): string
{
    return ucwords(trim(preg_replace('/-+/', ' ', $name)));
}

/** What WordPress makes of a user name: its letters are plain ones. */
function admin_login(): string
{
    $login = sanitize_user(Shop\secret('admin-username'), true);
    return $login !== '' ? $login : sanitize_user(strstr(Shop\secret('admin-email'), '@', true), true);
}

function install(): void
{
    // Otherwise it asks its own address, over the network, whether it has nice links.
    $structure = static fn (): string => PERMALINKS;
    add_filter('pre_option_permalink_structure', $structure);
    wp_install(store_title(Shop\env('STORE_NAME')), admin_login(), Shop\secret('admin-email'), true, '', Shop\secret('admin-password'));
    remove_filter('pre_option_permalink_structure', $structure);
    update_option('permalink_structure', PERMALINKS);
    update_option('blogdescription', '');
    update_option('default_pingback_flag', 0);
}

/** A password that the shopkeeper chose stays, until another one is given (the credentials were lost and made anew). */
function ensure_admin(): void
{
    $given = Shop\secret('admin-password');
    if (password_verify($given, (string) get_option('store_platform_admin_password', ''))) {
        return;
    }
    $user = get_user_by('login', admin_login()) ?: get_user_by('email', Shop\secret('admin-email'));
    if (!$user) {
        $id = wp_create_user(admin_login(), $given, Shop\secret('admin-email'));
        $user = is_wp_error($id) ? throw new RuntimeException($id->get_error_message()) : get_user_by('id', $id);
    }
    $user->set_role('administrator');
    wp_set_password($given, $user->ID);
    if ($user->display_name === $user->user_login) {
        // The name as it was given, where WordPress had to simplify it.
        wp_update_user(['ID' => $user->ID, 'display_name' => Shop\secret('admin-username')]);
    }
}

if (!is_blog_installed()) {
    install();
} elseif ((int) get_option('db_version') !== $GLOBALS['wp_db_version']) {
    wp_upgrade();
}
// The configuration's address wins anyway; here it is for those who look at the database.
update_option('siteurl', Shop\public_url());
update_option('home', Shop\public_url());
ensure_admin();

$administrators = get_users(['role' => 'administrator', 'fields' => 'ID']);
if (!is_blog_installed() || $administrators === []) {
    throw new RuntimeException('WordPress was installed, but its tables lack the administrator');
}
