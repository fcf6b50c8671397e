<?php
/** The image's sample pictures as WordPress media. Their files and sizes exist already; only the database learns of them. */

const PICTURE_FOLDER = 'sample-products';

/** The media item of a sample picture; made if there is none. */
function ensure_picture(string $name, string $title): int
{
    $file = PICTURE_FOLDER . "/$name.png";
    $known = get_posts([
        'post_type' => 'attachment',
        'post_status' => 'inherit',
        'meta_key' => '_wp_attached_file',
        'meta_value' => $file,
        'fields' => 'ids',
        'numberposts' => 1,
    ]);
    if ($known !== []) {
        return $known[0];
    }
    $attachment = [
        'post_title' => $title,
        'post_mime_type' => 'image/png',
        'guid' => content_url("uploads/$file"),
    ];
    $id = wp_insert_attachment($attachment, $file, 0, true);
    if (is_wp_error($id)) {
        throw new RuntimeException("the picture $name cannot be added: " . $id->get_error_message());
    }
    update_post_meta($id, '_wp_attachment_image_alt', $title);
    wp_update_attachment_metadata($id, picture_metadata($file));
    return $id;
}

/** As WordPress itself would have noted it when it made the sizes. */
function picture_metadata(string $file): array
{
    $folder = WP_CONTENT_DIR . '/uploads';
    [$width, $height] = getimagesize("$folder/$file");
    $sizes = [];
    foreach (['medium' => 300, 'thumbnail' => 150] as $size => $pixels) {
        $name = basename($file, '.png') . "-{$pixels}x{$pixels}.png";
        $sizes[$size] = [
            'file' => $name,
            'width' => $pixels,
            'height' => $pixels,
            'mime-type' => 'image/png',
            'filesize' => filesize("$folder/" . PICTURE_FOLDER . "/$name"),
        ];
    }
    return [
        'width' => $width,
        'height' => $height,
        'file' => $file,
        'filesize' => filesize("$folder/$file"),
        'sizes' => $sizes,
        'image_meta' => [],
    ];
}
