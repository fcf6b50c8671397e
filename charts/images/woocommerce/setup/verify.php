<?php
/**
 * The setup's last act: looks at the shop as a customer would, through the store's Service and under its public name, and
 * reports what the platform shows with the store.
 */
declare(strict_types=1);

require __DIR__ . '/../lib/program.php';

const TIMEOUT_SECONDS = 20;
const MAX_REDIRECTS = 5;

function main(): void
{
    $shop = json_decode(file_get_contents(Shop\env('HANDOVER', '/handover/setup.json')), true, flags: JSON_THROW_ON_ERROR);
    $seconds = (int) Shop\env('WAIT_SECONDS', '600');
    $page = Shop\poll($seconds, 'the storefront did not answer', static fn (): string => fetch($shop['page']));
    check_page($page, $shop);
    if ($shop['picture'] !== null) {
        check_picture($shop['picture']);
    }
    $details = $shop['woocommerce'] === null
        ? ['plugin' => 'not supplied', 'wordpress' => $shop['wordpress']]
        : ['woocommerce' => $shop['woocommerce'], 'wordpress' => $shop['wordpress']];
    $products = count($shop['products']);
    Shop\report(json_encode(['details' => $details, 'products' => $products], JSON_THROW_ON_ERROR));
    echo "The storefront answers; it has $products products.\n";
}

function check_page(string $page, array $shop): void
{
    if ($shop['woocommerce'] === null) {
        if (!shows($page, [$shop['title']])) {
            throw new RuntimeException("the front page does not show the shop's title, {$shop['title']}");
        }
        return;
    }
    // Not asked of a shop that its keeper has closed or emptied.
    if ($shop['sells'] && $shop['products'] !== [] && !shows($page, $shop['products'])) {
        throw new RuntimeException("the storefront shows none of the shop's products, such as {$shop['products'][0]}");
    }
}

/** WordPress writes quotation marks and dashes in several ways: only letters and digits are compared. */
function shows(string $page, array $texts): bool
{
    $plain = static fn (string $text): string => preg_replace(
        '/[^\p{L}\p{N}]+/u',
        ' ',
        html_entity_decode(strip_tags($text), ENT_QUOTES | ENT_HTML5, 'UTF-8'),
    );
    $page = $plain(preg_replace('~<(script|style|head)\b.*?</\1>~is', ' ', $page));
    foreach ($texts as $text) {
        if (str_contains($page, trim($plain($text)))) {
            return true;
        }
    }
    return false;
}

function check_picture(string $path): void
{
    if (!str_starts_with(fetch($path), "\x89PNG")) {
        throw new RuntimeException("$path is no picture");
    }
}

/** The body of a page that answers 200; redirects are followed as long as they stay in the shop. */
function fetch(string $path): string
{
    for ($hops = 0; $hops <= MAX_REDIRECTS; $hops++) {
        $request = curl_init(Shop\env('STOREFRONT_URL', 'http://storefront') . $path);
        curl_setopt_array($request, [
            CURLOPT_HTTPHEADER => Shop\visitor_headers(),
            CURLOPT_RETURNTRANSFER => true,
            CURLOPT_CONNECTTIMEOUT => 5,
            CURLOPT_TIMEOUT => TIMEOUT_SECONDS,
        ]);
        $body = curl_exec($request);
        if ($body === false) {
            throw new RuntimeException(curl_error($request));
        }
        $status = curl_getinfo($request, CURLINFO_RESPONSE_CODE);
        if ($status === 200) {
            return $body;
        }
        $target = (string) curl_getinfo($request, CURLINFO_REDIRECT_URL);
        $path = path_in_shop($target) ?? throw new RuntimeException(
            "$path answered with HTTP status $status" . ($target === '' ? '' : " and leads to $target")
        );
    }
    throw new RuntimeException("$path leads in circles");
}

/** The path of an address in the shop, whether it was given in full or by itself; null for any other. */
function path_in_shop(string $url): ?string
{
    foreach ([Shop\public_url(), Shop\env('STOREFRONT_URL', 'http://storefront')] as $base) {
        if (str_starts_with($url, "$base/")) {
            return substr($url, strlen($base));
        }
    }
    return null;
}

Shop\run(main(...));
