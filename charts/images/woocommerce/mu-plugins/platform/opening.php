<?php
/** Until the setup job has finished for the first time, the shop is closed: nobody sees it half made. */

if (PHP_SAPI !== 'cli' && get_option('store_platform_setup') === false) {
    header('Retry-After: 5');
    header('Content-Type: text/plain; charset=utf-8');
    nocache_headers();
    http_response_code(503);
    exit("This shop is being set up. Please come back in a minute.\n");
}
