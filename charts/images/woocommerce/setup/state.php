<?php
/** What the database tells of earlier runs of the setup, read and written without WordPress. */
declare(strict_types=1);

final class State
{
    /** The last run that finished: versions and address. While there is none, the shop is closed to visitors. */
    private const FINISHED = 'store_platform_setup';
    /** A hash of the admin password that was given, not of the one that is valid: the shopkeeper may have changed it. */
    private const PASSWORD = 'store_platform_admin_password';
    /** Stands from before the first table until the first run has finished. */
    private const BUILDING = 'store_platform_building';

    public function __construct(private readonly mysqli $database)
    {
    }

    public function is(array $wanted): bool
    {
        return $this->option(self::FINISHED) === json_encode($wanted, JSON_THROW_ON_ERROR);
    }

    public function knows_password(string $password): bool
    {
        return password_verify($password, $this->option(self::PASSWORD) ?? '');
    }

    /**
     * A first run that was cut off leaves half a WordPress, which WordPress itself neither completes nor replaces. Nobody
     * has used it yet, so it is thrown away. Tables that were there before a first run of ours are never touched.
     */
    public function begin(): void
    {
        $tables = array_column($this->database->query('SHOW TABLES')->fetch_all(), 0);
        if (in_array(self::BUILDING, $tables, true)) {
            $this->drop(array_diff($tables, [self::BUILDING]));
        } elseif ($tables === []) {
            $this->database->query('CREATE TABLE ' . self::BUILDING . ' (unused int)');
        }
    }

    /** @param string[] $tables */
    private function drop(array $tables): void
    {
        $this->database->query('SET FOREIGN_KEY_CHECKS = 0');
        foreach ($tables as $table) {
            $this->database->query('DROP TABLE `' . str_replace('`', '``', $table) . '`');
        }
        $this->database->query('SET FOREIGN_KEY_CHECKS = 1');
    }

    public function finish(array $wanted, string $password): void
    {
        if (!$this->knows_password($password)) {
            $this->set_option(self::PASSWORD, password_hash($password, PASSWORD_DEFAULT), 'off');
        }
        $this->database->query('DROP TABLE IF EXISTS ' . self::BUILDING);
        $this->set_option(self::FINISHED, json_encode($wanted, JSON_THROW_ON_ERROR), 'on');
    }

    /** What the verification, which has no access to the database, needs to know. */
    public function hand_over(?string $plugin): array
    {
        // The shopkeeper may have switched the plugin off, or closed the shop for a while.
        $sells = str_contains($this->option('active_plugins') ?? '', Shop\PLUGIN)
            && $this->option('woocommerce_coming_soon') !== 'yes';
        $products = $plugin === null ? [] : $this->column(
            "SELECT post_title FROM wp_posts WHERE post_type = 'product' AND post_status = 'publish' ORDER BY ID LIMIT 1000"
        );
        return [
            'wordpress' => wordpress_version(),
            'woocommerce' => $plugin,
            'title' => $this->option('blogname'),
            'page' => $sells ? $this->shop_page() : '/',
            'sells' => $sells,
            'products' => $products,
            'picture' => $this->picture($plugin !== null),
        ];
    }

    /** The page that shows the products; the shopkeeper may have moved it away from the front. */
    private function shop_page(): string
    {
        $page = $this->option('woocommerce_shop_page_id');
        $is_front = $this->option('show_on_front') === 'page' && $this->option('page_on_front') === $page;
        return $is_front ? '/' : "/?page_id=$page";
    }

    /** One picture that stands for the uploads: of a product, or without the plugin one of the sample pictures. */
    private function picture(bool $of_product): ?string
    {
        $files = "SELECT file.meta_value FROM wp_postmeta AS file";
        if ($of_product) {
            $files .= " JOIN wp_postmeta AS thumbnail
                  ON thumbnail.meta_key = '_thumbnail_id' AND thumbnail.meta_value = file.post_id
                JOIN wp_posts AS product ON product.ID = thumbnail.post_id
                  AND product.post_type = 'product' AND product.post_status = 'publish'";
        }
        $files = $this->column(
            "$files WHERE file.meta_key = '_wp_attached_file' AND file.meta_value LIKE 'sample-products/%'
             ORDER BY file.post_id LIMIT 1"
        );
        return $files === [] ? null : "/wp-content/uploads/$files[0]";
    }

    /** @return string[] */
    private function column(string $query): array
    {
        return array_column($this->database->query($query)->fetch_all(), 0);
    }

    private function option(string $name): ?string
    {
        try {
            $query = 'SELECT option_value FROM wp_options WHERE option_name = ?';
            $rows = $this->database->execute_query($query, [$name])->fetch_all();
        } catch (mysqli_sql_exception $error) {
            // Before WordPress is there, there are no options.
            return $error->getCode() === 1146 ? null : throw $error;
        }
        return $rows[0][0] ?? null;
    }

    private function set_option(string $name, string $value, string $autoload): void
    {
        $this->database->execute_query(
            'INSERT INTO wp_options (option_name, option_value, autoload) VALUES (?, ?, ?)
             ON DUPLICATE KEY UPDATE option_value = VALUES(option_value)',
            [$name, $value, $autoload],
        );
    }
}
