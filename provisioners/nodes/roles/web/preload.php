<?php

/**
 * What PHP-FPM declares once, when it starts, instead of at each request: the classes of the live release that its pages
 * were seen to use (/usr/lib/drucloud/preload writes the list). Nothing of them is run.
 *
 * A list of another release than the live one is passed over: old and new code never mix.
 */

declare(strict_types=1);

(static function (): void {
    $list = getenv('DRUCLOUD_PRELOAD') ?: '/var/lib/drucloud-preload/list.json';
    $found = json_decode((string) @file_get_contents($list), true, 4);
    if (!is_array($found) || $found['release'] !== realpath('/srv/site/current')) {
        return;
    }
    // A class whose parent is not in the list is not declared, which PHP warns of and which does no harm: the request that
    // needs it loads it as ever.
    error_reporting(0);
    foreach ($found['files'] as $file) {
        if (is_file($file)) {
            opcache_compile_file($file);
        }
    }
})();
