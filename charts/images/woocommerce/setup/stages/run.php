<?php
/** Runs one stage of the setup within WordPress: run.php STAGE RESULT-FILE. */

require __DIR__ . '/../../lib/program.php';

[, $stage, $result] = $argv;

// WordPress expects a visitor.
$_SERVER += [
    'HTTP_HOST' => Shop\public_host(),
    'SERVER_NAME' => parse_url(Shop\public_url(), PHP_URL_HOST),
    'SERVER_PROTOCOL' => 'HTTP/1.1',
    'REQUEST_METHOD' => 'GET',
    'REQUEST_URI' => '/',
    'REMOTE_ADDR' => '127.0.0.1',
];
if ($stage === 'core') {
    // Only so does WordPress load without a database that it knows.
    define('WP_INSTALLING', true);
}

try {
    require Shop\ROOT . '/wordpress/wp-load.php';
    if ($stage !== 'core') {
        // What is made now belongs to the shopkeeper; nobody's content would be stripped of what a stranger may not write.
        wp_set_current_user((int) (get_users(['role' => 'administrator', 'fields' => 'ID', 'number' => 1])[0] ?? 0));
    }
    require __DIR__ . "/$stage.php";
    file_put_contents($result, 'done');
} catch (Throwable $error) {
    fwrite(STDERR, "$error\n");
    file_put_contents($result, $error->getMessage());
}
