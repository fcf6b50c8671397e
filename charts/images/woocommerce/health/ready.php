<?php
/** Whether this server can serve a shop: PHP runs, and the database answers. */
declare(strict_types=1);

require __DIR__ . '/../lib/environment.php';

header('Content-Type: text/plain');
try {
    Shop\database(2)->query('SELECT 1');
    echo "ready\n";
} catch (Throwable $error) {
    http_response_code(503);
    // The probe's message is shown with the pod.
    echo 'the database does not answer: ', $error->getMessage(), "\n";
}
