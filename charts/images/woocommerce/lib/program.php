<?php
/** How the programs of the setup run, wait, and say why they failed. */
declare(strict_types=1);

namespace Shop;

require_once __DIR__ . '/environment.php';

/** A failure that trying again cannot mend. */
final class Refusal extends \RuntimeException
{
}

/** The job knows this exit code, and gives up at once. */
const EXIT_REFUSED = 64;

/** Runs a program; a failure leaves one sentence for people, and a non-zero exit. */
function run(callable $main): never
{
    // The first process of a container gets no default action for signals: without this it would have to be killed.
    if (function_exists('pcntl_signal')) {
        pcntl_async_signals(true);
        pcntl_signal(SIGTERM, static fn () => exit(143));
    }
    set_error_handler(raise(...));
    try {
        $main();
        exit(0);
    } catch (\Throwable $error) {
        fwrite(STDERR, "$error\n");
        report(mb_strimwidth(strtok($error->getMessage(), "\n") ?: get_class($error), 0, 1000, '…'));
        exit($error instanceof Refusal ? EXIT_REFUSED : 1);
    }
}

/** A warning of PHP's is an error of ours, unless the line that caused it asked for silence. */
function raise(int $level, string $message, string $file, int $line): bool
{
    if ((error_reporting() & $level) === 0) {
        return false;
    }
    throw new \ErrorException($message, 0, $level, $file, $line);
}

/** Kubernetes shows this text as the container's termination message. */
function report(string $text): void
{
    // Outside Kubernetes there is no such file, and nobody who would read it.
    @file_put_contents(env('TERMINATION_LOG', '/dev/termination-log'), $text);
}

/**
 * Repeats `$attempt` until it does not throw, and gives its result.
 *
 * @template T
 * @param callable(): T $attempt
 * @return T
 */
function poll(int $seconds, string $what, callable $attempt): mixed
{
    $deadline = microtime(true) + $seconds;
    for (;;) {
        try {
            return $attempt();
        } catch (Refusal $error) {
            throw $error;
        } catch (\Throwable $error) {
            if (microtime(true) >= $deadline) {
                throw new \RuntimeException("$what within $seconds s: " . $error->getMessage(), 0, $error);
            }
        }
        usleep(250_000);
    }
}
