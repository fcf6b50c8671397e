<?php
/** Waits until the store's database takes connections, so that nothing after it has to. */
declare(strict_types=1);

require __DIR__ . '/../lib/program.php';

const ACCESS_DENIED = 1045;

Shop\run(static fn () => Shop\poll(
    (int) Shop\env('WAIT_SECONDS', '300'),
    'the database did not take connections',
    static function (): void {
        try {
            Shop\database()->query('SELECT 1');
        } catch (mysqli_sql_exception $error) {
            // A database that is up and refuses the password will not change its mind.
            throw $error->getCode() === ACCESS_DENIED ? new Shop\Refusal($error->getMessage(), 0, $error) : $error;
        }
    },
));
