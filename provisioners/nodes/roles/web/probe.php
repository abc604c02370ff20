<?php

/**
 * What a worker of the site sees, as JSON. Reached over FPM's socket only (/usr/lib/drucloud/probe).
 *
 * Each part is either an object of figures or {"error": one plain sentence}. No secret is in it.
 */

declare(strict_types=1);

header('Content-Type: application/json');

const SITE = '/etc/drucloud/site.json';

/** The part's figures, or what went wrong. */
function part(callable $look): array
{
    try {
        return $look();
    } catch (Throwable $error) {
        return ['error' => $error->getMessage()];
    }
}

/** The site's settings, written by /usr/lib/drucloud/secrets. */
function site(): array
{
    $text = @file_get_contents(SITE);
    if ($text === false) {
        throw new RuntimeException(SITE . ' is not there yet: the site step writes it');
    }
    return json_decode($text, true, 8, JSON_THROW_ON_ERROR);
}

function opcache(): array
{
    $status = function_exists('opcache_get_status') ? opcache_get_status(false) : false;
    if ($status === false) {
        throw new RuntimeException('OPcache is off');
    }
    $numbers = $status['opcache_statistics'];
    return [
        'scripts' => $numbers['num_cached_scripts'],
        'hits' => $numbers['hits'],
        'misses' => $numbers['misses'],
        'hit_percent' => round($numbers['opcache_hit_rate'], 2),
        'full' => $status['cache_full'],
        'restarts' => $numbers['oom_restarts'] + $numbers['hash_restarts'],
        'used_bytes' => $status['memory_usage']['used_memory'],
        'free_bytes' => $status['memory_usage']['free_memory'],
        'wasted_percent' => round($status['memory_usage']['current_wasted_percentage'], 2),
    ];
}

function apcu(): array
{
    if (!function_exists('apcu_enabled') || !apcu_enabled()) {
        throw new RuntimeException('APCu is off');
    }
    $cache = apcu_cache_info(true);
    $memory = apcu_sma_info(true);
    return [
        'entries' => (int) $cache['num_entries'],
        'hits' => (int) $cache['num_hits'],
        'misses' => (int) $cache['num_misses'],
        'expunges' => (int) $cache['expunges'],
        'size_bytes' => (int) ($memory['num_seg'] * $memory['seg_size']),
        'free_bytes' => (int) $memory['avail_mem'],
    ];
}

function memcached(): array
{
    $client = new Memcached();
    $client->setOption(Memcached::OPT_CONNECT_TIMEOUT, 1000);
    foreach (site()['memcached'] as $node) {
        $client->addServer($node['host'], $node['port']);
    }
    $key = 'drucloud-probe-' . bin2hex(random_bytes(8));
    $began = microtime(true);
    $written = $client->set($key, $key, 60);
    $read = $client->get($key) === $key;
    $milliseconds = round((microtime(true) - $began) * 1000, 2);
    $client->delete($key);
    $nodes = [];
    $wanted = ['get_hits', 'get_misses', 'evictions', 'curr_connections', 'bytes', 'limit_maxbytes', 'curr_items'];
    foreach ($client->getStats() ?: [] as $name => $numbers) {
        $nodes[$name] = array_intersect_key($numbers, array_flip($wanted));
    }
    if (!$written || !$read) {
        throw new RuntimeException('memcached does not keep what is written: ' . $client->getResultMessage());
    }
    return ['round_trip' => true, 'milliseconds' => $milliseconds, 'nodes' => $nodes];
}

function database(): array
{
    $began = microtime(true);
    $wanted = site()['database'];
    $options = [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION, PDO::ATTR_TIMEOUT => 5]
        + (is_readable($wanted['ca'])
            ? [{{ pdo_mysql }}_SSL_CA => $wanted['ca']]
            : [{{ pdo_mysql }}_SSL_CAPATH => '/etc/ssl/certs', {{ pdo_mysql }}_SSL_VERIFY_SERVER_CERT => false]);
    $dsn = "mysql:host={$wanted['host']};port={$wanted['port']};dbname={$wanted['name']};charset=utf8mb4";
    $connection = new PDO($dsn, $wanted['username'], $wanted['password'], $options);
    $isolation = $connection->query('SELECT @@transaction_isolation')->fetchColumn();
    $cipher = $connection->query("SHOW SESSION STATUS LIKE 'Ssl_cipher'")->fetch()['Value'] ?? '';
    return [
        'version' => strtok((string) $connection->getAttribute(PDO::ATTR_SERVER_VERSION), '-'),
        'isolation' => $isolation,
        'max_connections' => (int) $connection->query('SELECT @@max_connections')->fetchColumn(),
        'tls' => $cipher,
        'milliseconds' => round((microtime(true) - $began) * 1000, 1),
    ];
}

echo json_encode([
    'php' => PHP_VERSION,
    'opcache' => part(opcache(...)),
    'apcu' => part(apcu(...)),
    'memcached' => part(memcached(...)),
    'database' => part(database(...)),
], JSON_PARTIAL_OUTPUT_ON_ERROR);
