<?php
/**
 * WordPress and plugins call their own site: for background work, and to see whether it is well. From within its
 * namespace the public address need not be reachable, so such calls go straight to this server, as the ingress would
 * have sent them.
 */

add_filter('pre_http_request', 'store_platform_loopback', 10, 3);

function store_platform_loopback(mixed $answer, array $request, string $url): mixed
{
    $own = Shop\public_url();
    if ($answer !== false || ($url !== $own && !str_starts_with($url, "$own/") && !str_starts_with($url, "$own?"))) {
        return $answer;
    }
    $request['headers'] = (array) $request['headers'];
    foreach (Shop\visitor_headers() as $header) {
        [$name, $value] = explode(': ', $header, 2);
        $request['headers'][$name] = $value;
    }
    // Otherwise private addresses are refused; this one was chosen here.
    $request['reject_unsafe_urls'] = false;
    return _wp_http_get_object()->request('http://127.0.0.1:8080' . substr($url, strlen($own)), $request);
}
