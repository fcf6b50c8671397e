<?php
/**
 * Runs before the server, with the shop's volume still beside the image's own content: puts what the image brings
 * (plugin, theme, pictures) onto the volume, as far as it is missing there. What is there stays, whoever brought it; only
 * the bundled plugin is replaced, by a newer version of itself.
 *
 * May be cut off at any point: everything arrives under another name, and is then renamed.
 */
declare(strict_types=1);

require __DIR__ . '/lib/program.php';

const PARTIAL = '.arriving-';
const REPLACED = '.leaving-';

function main(): void
{
    $volume = Shop\env('VOLUME', '/volume');
    umask(0002);
    foreach (['plugins', 'themes'] as $area) {
        is_dir("$volume/$area") || mkdir("$volume/$area", 0775);
        clear_leftovers("$volume/$area");
        foreach (entries(Shop\CONTENT . "/$area") as $name) {
            place(Shop\CONTENT . "/$area/$name", "$volume/$area", $name);
        }
    }
    fill(Shop\CONTENT . '/uploads', "$volume/uploads");
    is_file("$volume/index.php") || copy(Shop\CONTENT . '/index.php', "$volume/index.php");
}

/** File by file: here the image's and the shopkeeper's share folders. */
function fill(string $source, string $target): void
{
    is_dir($target) || mkdir($target, 0775);
    foreach (entries($source) as $name) {
        if (is_dir("$source/$name")) {
            fill("$source/$name", "$target/$name");
        } elseif (!file_exists("$target/$name")) {
            copy_all("$source/$name", "$target/" . PARTIAL . $name);
            move("$target/" . PARTIAL . $name, "$target/$name");
        }
    }
}

function clear_leftovers(string $directory): void
{
    foreach (entries($directory) as $name) {
        if (str_starts_with($name, PARTIAL) || str_starts_with($name, REPLACED)) {
            remove("$directory/$name");
        }
    }
}

function place(string $source, string $directory, string $name): void
{
    $target = "$directory/$name";
    if (file_exists($target)) {
        if ($name !== dirname(Shop\PLUGIN) || !is_newer($source, $target)) {
            return;
        }
        copy_all($source, $directory . '/' . PARTIAL . $name);
        // Between the two, the plugin is gone: the next run would find it missing, and bring it.
        move($target, $directory . '/' . REPLACED . $name);
        move($directory . '/' . PARTIAL . $name, $target);
        remove($directory . '/' . REPLACED . $name);
        echo "updated $name\n";
        return;
    }
    copy_all($source, $directory . '/' . PARTIAL . $name);
    move($directory . '/' . PARTIAL . $name, $target);
    echo "placed $name\n";
}

/** Whether the image's plugin is newer than the volume's; one without a version is broken, and replaced. */
function is_newer(string $source, string $target): bool
{
    $file = basename(Shop\PLUGIN);
    $there = Shop\plugin_version("$target/$file");
    return $there === null || version_compare((string) Shop\plugin_version("$source/$file"), $there, '>');
}

/** @return string[] */
function entries(string $directory): array
{
    return array_values(array_diff(scandir($directory) ?: [], ['.', '..']));
}

function copy_all(string $source, string $target): void
{
    if (!is_dir($source)) {
        copy($source, $target) || throw new RuntimeException("$target cannot be written");
        return;
    }
    mkdir($target, 0775) || throw new RuntimeException("$target cannot be made");
    foreach (entries($source) as $name) {
        copy_all("$source/$name", "$target/$name");
    }
}

function move(string $from, string $to): void
{
    rename($from, $to) || throw new RuntimeException("$from cannot be renamed to $to");
}

function remove(string $path): void
{
    if (is_dir($path) && !is_link($path)) {
        foreach (entries($path) as $name) {
            remove("$path/$name");
        }
        rmdir($path);
        return;
    }
    unlink($path);
}

Shop\run(main(...));
