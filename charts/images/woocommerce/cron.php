<?php
/** One beat of WordPress's timetable: asks this very server for it, so that the work is done with warm caches. */
declare(strict_types=1);

require __DIR__ . '/lib/environment.php';

$request = curl_init('http://127.0.0.1:8080/wp-cron.php');
curl_setopt_array($request, [
    CURLOPT_HTTPHEADER => Shop\visitor_headers(),
    CURLOPT_RETURNTRANSFER => true,
    // The work goes on after the connection has ended.
    CURLOPT_TIMEOUT => 20,
]);
curl_exec($request);
