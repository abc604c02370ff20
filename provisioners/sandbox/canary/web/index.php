<?php

/**
 * The canary's front controller.
 */

declare(strict_types=1);

namespace Canary;

require __DIR__ . '/../src/Probes.php';
require __DIR__ . '/../src/pages.php';

$path = parse_url($_SERVER['REQUEST_URI'] ?? '/', PHP_URL_PATH) ?: '/';

match ($path) {
    '/' => page_home(),
    '/canary.json' => page_json(),
    '/session' => page_session(),
    '/private' => page_private(),
    default => page_missing($path),
};
