<?php
/** What a new shop has on its shelves. Prices are in the shop's currency, weights in kilograms. */

function catalogue(): array
{
    return [
        [
            'sku' => 'LAMP-OAK',
            'name' => 'Oak Desk Lamp',
            'picture' => 'oak-desk-lamp',
            'price' => '64.00',
            'weight' => '1.4',
            'summary' => 'Warm light on a folded oak arm.',
            'description' => 'Oiled oak, a linen-wrapped cord and a shade that turns. It stays where you put it.',
        ],
        [
            'sku' => 'PLANTER-GLAZED',
            'name' => 'Glazed Planter',
            'picture' => 'glazed-planter',
            'price' => '28.00',
            'weight' => '1.9',
            'summary' => 'For one plant that you mean to keep.',
            'description' => 'Stoneware in a sea-green glaze, with a saucer of its own and a hole where the water leaves.',
        ],
        [
            'sku' => 'THROW-WOOL',
            'name' => 'Wool Throw',
            'picture' => 'wool-throw',
            'price' => '89.00',
            'weight' => '0.9',
            'summary' => 'Lambswool, 130 by 180 centimetres.',
            'description' => 'Woven in a wide check and brushed once, so that it is soft and still looks like cloth.',
        ],
        [
            'sku' => 'COFFEE-POUR-OVER',
            'name' => 'Pour-Over Set',
            'picture' => 'pour-over-set',
            'price' => '42.00',
            'weight' => '0.7',
            'summary' => 'A glass carafe and a steel filter for four cups.',
            'description' => 'Heatproof glass with a cork collar. The filter is steel and lasts, so there is no paper to buy.',
        ],
    ];
}
