<?php
/** What every program of this image finds around it: environment, secrets, and the database. */
declare(strict_types=1);

namespace Shop;

const ROOT = '/opt/shop';
/** In a server the shop's volume; everywhere else what the image brings. */
const CONTENT = '/srv/wp-content';
const PLUGIN = 'woocommerce/woocommerce.php';

function env(string $name, ?string $default = null): string
{
    $value = getenv($name);
    if ($value !== false && $value !== '') {
        return $value;
    }
    return $default ?? throw new \RuntimeException("the environment variable $name is not set");
}

/** A key of the store's Secret. They are files: the environment of a process is easily shown by mistake. */
function secret(string $name): string
{
    $path = env('SECRETS', '/secrets') . '/' . $name;
    $value = @file_get_contents($path);
    return $value === false || $value === '' ? throw new \RuntimeException("the secret $path cannot be read") : $value;
}

/** Where visitors find the shop, without a slash at its end. */
function public_url(): string
{
    return rtrim(env('PUBLIC_URL'), '/');
}

function is_https(): bool
{
    return str_starts_with(public_url(), 'https://');
}

/** Host, and port where it is not the usual one. */
function public_host(): string
{
    $port = parse_url(public_url(), PHP_URL_PORT);
    return parse_url(public_url(), PHP_URL_HOST) . ($port === null ? '' : ":$port");
}

/** What the ingress would send along with a visitor's request. */
function visitor_headers(): array
{
    return ['Host: ' . public_host(), 'X-Forwarded-Proto: ' . (is_https() ? 'https' : 'http')];
}

/** A connection of its own; throws when the database does not answer within `$seconds`. */
function database(int $seconds = 3): \mysqli
{
    [$host, $port] = explode(':', env('DATABASE_HOST', 'database:3306')) + [1 => '3306'];
    $database = mysqli_init();
    $database->options(MYSQLI_OPT_CONNECT_TIMEOUT, $seconds);
    $database->real_connect($host, 'wordpress', secret('database-password'), 'wordpress', (int) $port);
    $database->set_charset('utf8mb4');
    return $database;
}

/** The version that a plugin's main file states; null without such a file. */
function plugin_version(string $file): ?string
{
    $head = @file_get_contents($file, length: 8192);
    return $head !== false && preg_match('/^[\s*#@]*Version:\s*(\S+)/mi', $head, $found) ? $found[1] : null;
}
