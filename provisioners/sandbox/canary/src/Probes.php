<?php

declare(strict_types=1);

namespace Canary;

use Memcached;
use PDO;
use Pdo\Mysql;
use RuntimeException;
use Throwable;

/** What one look at a layer gave: whether it works, what was seen, and what to do if not. */
final readonly class Finding
{
    public function __construct(
        public string $layer,
        public bool $works,
        public string $seen,
        public string $advice = '',
    ) {
    }
}

/** Looks at every layer below the site. */
final class Probes
{
    private const SETTINGS = '/etc/drucloud/site.json';

    /** @return list<Finding> */
    public function all(): array
    {
        return [
            $this->look('PHP', fn () => 'PHP ' . PHP_VERSION . ' answers.', ''),
            $this->look('Settings', $this->settingsSeen(...),
                'Run `drucloud resume`: the site step writes the settings with the machine\'s role.'),
            $this->look('Database', $this->database(...),
                'Check that the database is available and that its security group lets the web servers in.'),
            $this->look('Memcached', $this->memcached(...),
                'Check that the cache node is available and that its security group lets the web servers in.'),
            $this->look('OPcache', $this->opcache(...), 'OPcache is switched on in the web role\'s php.ini.'),
            $this->look('APCu', $this->apcu(...), 'APCu comes with the package php8.4-apcu of the web role.'),
        ];
    }

    private function look(string $layer, callable $probe, string $advice): Finding
    {
        try {
            return new Finding($layer, true, $probe());
        } catch (Throwable $error) {
            return new Finding($layer, false, rtrim($error->getMessage(), '.') . '.', $advice);
        }
    }

    /** @return array<string, mixed> */
    private function settings(): array
    {
        $text = @file_get_contents(self::SETTINGS);
        if ($text === false) {
            throw new RuntimeException(self::SETTINGS . ' is not there or PHP may not read it');
        }
        return json_decode($text, true, 8, JSON_THROW_ON_ERROR);
    }

    private function settingsSeen(): string
    {
        return "The settings of {$this->settings()['deployment']} are there.";
    }

    /** Writes a row and reads it back. */
    private function database(): string
    {
        $wanted = $this->settings()['database'];
        $verified = is_readable($wanted['ca']);
        $tls = $verified
            ? [Mysql::ATTR_SSL_CA => $wanted['ca']]
            : [Mysql::ATTR_SSL_CAPATH => '/etc/ssl/certs', Mysql::ATTR_SSL_VERIFY_SERVER_CERT => false];
        $database = new PDO(
            "mysql:host={$wanted['host']};port={$wanted['port']};dbname={$wanted['name']};charset=utf8mb4",
            $wanted['username'],
            $wanted['password'],
            [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION, PDO::ATTR_TIMEOUT => 5] + $tls,
        );
        $database->exec('CREATE TABLE IF NOT EXISTS canary (id INT PRIMARY KEY, song VARCHAR(64) NOT NULL, '
            . 'sung INT NOT NULL DEFAULT 0) CHARACTER SET utf8mb4');
        $song = bin2hex(random_bytes(8));
        $write = $database->prepare('INSERT INTO canary (id, song, sung) VALUES (1, :song, 1) '
            . 'ON DUPLICATE KEY UPDATE song = VALUES(song), sung = sung + 1');
        $write->execute(['song' => $song]);
        $row = $database->query('SELECT song, sung FROM canary WHERE id = 1')->fetch(PDO::FETCH_ASSOC);
        if ($row === false) {
            throw new RuntimeException('The database did not give back what was written');
        }
        $version = strtok((string) $database->getAttribute(PDO::ATTR_SERVER_VERSION), '-');
        return "MariaDB $version wrote and read a row ({$row['sung']} so far)"
            . ($verified ? ', its certificate verified.' : ', encrypted.');
    }

    /** Writes an item to each node and reads it back. */
    private function memcached(): string
    {
        $nodes = $this->settings()['memcached'];
        foreach ($nodes as $node) {
            $client = new Memcached();
            $client->setOption(Memcached::OPT_CONNECT_TIMEOUT, 1000);
            $client->addServer($node['host'], $node['port']);
            $song = bin2hex(random_bytes(8));
            $kept = $client->set("canary:$song", $song, 60) && $client->get("canary:$song") === $song;
            if (!$kept) {
                throw new RuntimeException("{$node['host']} does not keep what is written: {$client->getResultMessage()}");
            }
        }
        $count = count($nodes);
        return $count === 1 ? 'The node wrote and read an item.' : "All $count nodes wrote and read an item.";
    }

    private function opcache(): string
    {
        $status = function_exists('opcache_get_status') ? opcache_get_status(false) : false;
        if ($status === false) {
            throw new RuntimeException('OPcache is off');
        }
        return "{$status['opcache_statistics']['num_cached_scripts']} scripts are compiled and kept.";
    }

    private function apcu(): string
    {
        if (!function_exists('apcu_enabled') || !apcu_enabled()) {
            throw new RuntimeException('APCu is off');
        }
        $count = apcu_inc('canary:visits', 1, $kept, 86400);
        if ($count === false || !$kept) {
            throw new RuntimeException('APCu does not keep what is written');
        }
        return "This server's memory has counted $count looks.";
    }
}
