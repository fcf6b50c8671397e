<?php
/**
 * Makes the store's database a shop: WordPress is installed, WooCommerce activated and filled, and the administrator can
 * log in. Safe to run again: what a shopkeeper changed stays.
 *
 * The work is done by stages (setup/stages), each a process of its own, since WordPress loads a plugin only when it
 * starts. Whether a stage did its work is read from what it left behind, never from its exit code: WordPress ends with 0
 * when it cannot reach its database.
 */
declare(strict_types=1);

require __DIR__ . '/../lib/program.php';
require __DIR__ . '/state.php';

/** Any name will do, as long as every setup job of a store takes the same lock. */
const LOCK = 'store_platform_setup';
const LOCK_SECONDS = 900;

function main(): void
{
    $plugin = plugin_to_set_up();
    $database = Shop\database(10);
    // Two setup jobs may overlap when an attempt was given up: the second waits, then finds everything done.
    if ($database->execute_query('SELECT GET_LOCK(?, ?)', [LOCK, LOCK_SECONDS])->fetch_row()[0] !== 1) {
        throw new RuntimeException('another setup job of this store is still at work');
    }
    $state = new State($database);
    $wanted = wanted($plugin);
    if (!$state->is($wanted) || !$state->knows_password(Shop\secret('admin-password'))) {
        $state->begin();
        foreach ($plugin === null ? ['core', 'site'] : ['core', 'site', 'shop'] as $stage) {
            run_stage($stage);
        }
        $state->finish($wanted, Shop\secret('admin-password'));
    }
    $shop = json_encode($state->hand_over($plugin), JSON_THROW_ON_ERROR);
    file_put_contents(Shop\env('HANDOVER', '/handover/setup.json'), $shop);
}

/** The version of the image's plugin; null where the store shall do without. */
function plugin_to_set_up(): ?string
{
    $version = Shop\plugin_version(Shop\CONTENT . '/plugins/' . Shop\PLUGIN);
    if ($version === null && Shop\env('WITHOUT_PLUGIN', 'false') !== 'true') {
        throw new Shop\Refusal(
            'The WooCommerce plugin is not in this image: build it where wordpress.org can be reached, or with '
            . '--build-context woocommerce-plugin=DIR, where DIR holds the unpacked folder woocommerce.'
        );
    }
    return $version;
}

/** What makes another run unnecessary. */
function wanted(?string $plugin): array
{
    return ['wordpress' => wordpress_version(), 'woocommerce' => $plugin, 'url' => Shop\public_url()];
}

function wordpress_version(): string
{
    require Shop\ROOT . '/wordpress/wp-includes/version.php';
    return $wp_version;
}

function run_stage(string $name): void
{
    $result = tempnam(sys_get_temp_dir(), $name);
    $started = microtime(true);
    $process = proc_open(
        [PHP_BINARY, __DIR__ . '/stages/run.php', $name, $result],
        [1 => ['pipe', 'w'], 2 => STDERR],
        $pipes,
    );
    $output = stream_get_contents($pipes[1]);
    proc_close($process);
    fwrite(STDERR, $output);
    $outcome = file_get_contents($result);
    unlink($result);
    if ($outcome !== 'done') {
        $reason = $outcome !== '' ? $outcome : last_words($output);
        throw new RuntimeException("the stage `$name` of the setup failed: $reason");
    }
    printf("stage %s: %.1f s\n", $name, microtime(true) - $started);
}

/** WordPress says its last words as a page. */
function last_words(string $page): string
{
    $text = preg_replace('~<(style|script|head)\b.*?</\1>~is', ' ', $page);
    $text = trim(preg_replace('/\s+/', ' ', html_entity_decode(strip_tags((string) $text))));
    return $text === '' ? 'WordPress ended without a word' : mb_strimwidth($text, 0, 300, '…');
}

Shop\run(main(...));
