<?php

/**
 * Drupal's settings on a drucloud machine. No secret stands here: they come from site.json, which only root and PHP read.
 *
 * A release without a settings.php of its own is linked to this file; one that has its own includes it:
 *   require '/etc/drucloud/settings.php';
 */

$drucloud = json_decode((string) file_get_contents('/etc/drucloud/site.json'), true, 8, JSON_THROW_ON_ERROR);

$databases['default']['default'] = [
  'driver' => 'mysql',
  'database' => $drucloud['database']['name'],
  'username' => $drucloud['database']['username'],
  'password' => $drucloud['database']['password'],
  'host' => $drucloud['database']['host'],
  'port' => $drucloud['database']['port'],
  'prefix' => '',
  'collation' => 'utf8mb4_general_ci',
  'init_commands' => ['isolation_level' => 'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED'],
  // RDS refuses connections without TLS; its authorities are verified wherever their bundle was fetched.
  'pdo' => is_readable($drucloud['database']['ca'])
    ? [Pdo\Mysql::ATTR_SSL_CA => $drucloud['database']['ca']]
    // Encrypted all the same: a cipher switches TLS on, and unlike a CA path it does not make the mariadb client, which
    // Drush gives these to, look for an authority that the sandbox's database has not.
    : [Pdo\Mysql::ATTR_SSL_CIPHER => 'HIGH', Pdo\Mysql::ATTR_SSL_VERIFY_SERVER_CERT => FALSE],
];

// A worker keeps its connection: the TLS handshake of each request costs both sides more than many of its queries. PDO
// rolls back what a request left open and looks whether the connection still lives. Drush and cron end soon anyway.
if (PHP_SAPI === 'fpm-fcgi') {
  $databases['default']['default']['pdo'][PDO::ATTR_PERSISTENT] = TRUE;
}

$settings['hash_salt'] = $drucloud['hash_salt'];
// A new container for each release: the commit is the name of its folder.
$settings['deployment_identifier'] = basename((string) realpath('/srv/site/current'));
// A repository without configuration gets a folder that the installer may write to.
$settings['config_sync_directory'] = isset($app_root) && is_dir("$app_root/../config/sync")
  ? '../config/sync'
  : '/srv/site/shared/config-sync';
// Without a domain the site answers to addresses and to the names AWS gives its balancers and distributions.
$settings['trusted_host_patterns'] = $drucloud['domain'] !== ''
  ? ['^' . preg_quote($drucloud['domain']) . '$']
  : ['^[0-9.]+$', '^localhost$', '\.amazonaws\.com$', '\.cloudfront\.net$'];
// nginx has put the visitor's own address and scheme in their places and takes the proxies' headers away, so that there
// is nothing for Drupal to trust (/etc/nginx/drucloud/proxies.conf).
$settings['reverse_proxy'] = FALSE;
$settings['file_public_path'] = 'sites/default/files';
$settings['file_private_path'] = '/srv/site/shared/private';
$settings['file_temp_path'] = '/tmp';
$settings['file_assets_path'] = 'sites/default/files';
// Compiled templates: on this machine's disk and out of the document root.
$settings['php_storage']['twig']['directory'] = '/var/cache/drupal/php';
$settings['auto_create_htaccess'] = FALSE;
$settings['update_free_access'] = FALSE;
$settings['rebuild_access'] = FALSE;
$settings['session_write_interval'] = 180;
$settings['cache_ttl_4xx'] = 60;
$settings['state_cache'] = TRUE;
// Drupal ships with 0, and then nothing at all is cached in front of PHP.
$config['system.performance']['cache']['page']['max_age'] = 900;

// max_age is what browsers and the CDN are told. nginx, which nobody purges when an editor saves, keeps a page for its
// own, shorter time; only a page that says itself that it is public gets that header.
if (isset($_SERVER['MICRO_CACHE_SECONDS'])) {
  header_register_callback(static function (): void {
    foreach (headers_list() as $header) {
      if (preg_match('/^Cache-Control:(?=.*\bpublic\b).*\bmax-age=(\d+)/i', $header, $found)) {
        header('X-Accel-Expires: ' . min((int) $found[1], (int) $_SERVER['MICRO_CACHE_SECONDS']));
      }
    }
  });
}

if (isset($app_root, $class_loader)
    && !\Drupal\Core\Installer\InstallerKernel::installationAttempted()
    && extension_loaded('memcached')
    && is_dir("$app_root/modules/contrib/memcache")) {
  $class_loader->addPsr4('Drupal\\memcache\\', "$app_root/modules/contrib/memcache/src");
  foreach ($drucloud['memcached'] as $node) {
    $settings['memcache']['servers']["{$node['host']}:{$node['port']}"] = 'default';
  }
  $settings['memcache']['bins'] = ['default' => 'default'];
  $settings['memcache']['key_prefix'] = $drucloud['deployment'];
  $settings['memcache']['extension'] = 'Memcached';
  $settings['memcache']['options'] = [
    \Memcached::OPT_DISTRIBUTION => \Memcached::DISTRIBUTION_CONSISTENT,
    \Memcached::OPT_LIBKETAMA_COMPATIBLE => TRUE,
    \Memcached::OPT_CONNECT_TIMEOUT => 100,
    \Memcached::OPT_REMOVE_FAILED_SERVERS => TRUE,
    \Memcached::OPT_SERVER_FAILURE_LIMIT => 2,
    \Memcached::OPT_RETRY_TIMEOUT => 10,
    // A logged-in page reads about a hundred items: packing and unpacking them costs more than the network saves.
    \Memcached::OPT_COMPRESSION => FALSE,
    \Memcached::OPT_TCP_NODELAY => TRUE,
  ] + (\Memcached::HAVE_IGBINARY ? [\Memcached::OPT_SERIALIZER => \Memcached::SERIALIZER_IGBINARY] : []);
  // The services are known even before the module is installed, or the site would not start until it is.
  $settings['container_yamls'][] = "$app_root/modules/contrib/memcache/memcache.services.yml";
  $settings['cache']['default'] = 'cache.backend.memcache';
  // The module marks each item with its bin's own tag, and each bin asked the database for it by itself. Drupal 11.2
  // reads these with the first tags it needs: 8 queries a logged-in page instead of 13. Older ones ignore it.
  $settings['cache_preload_tags'] = array_map(
    static fn (string $bin): string => "memcache:$bin",
    ['access_policy', 'bootstrap', 'config', 'data', 'default', 'discovery', 'dynamic_page_cache', 'entity', 'menu',
      'render'],
  );
}

// The service container, the largest item of all, is read by each request: from APCu, as long as the database says that
// nobody has made it anew. Drush, without APCu, must mark its changes there too, hence the same chain with nothing in
// front. Made for the arguments that Drupal 10.6 and 11 have; an older one keeps its own way.
if (isset($app_root)
    && !\Drupal\Core\Installer\InstallerKernel::installationAttempted()
    && (new ReflectionMethod('Drupal\Core\Cache\DatabaseBackend', '__construct'))->getNumberOfParameters() === 6) {
  $drucloud_apcu = function_exists('apcu_enabled') && apcu_enabled();
  $settings['bootstrap_container_definition'] = [
    'parameters' => [],
    'services' => [
      'database' => [
        'class' => 'Drupal\Core\Database\Connection',
        'factory' => 'Drupal\Core\Database\Database::getConnection',
        'arguments' => ['default'],
      ],
      'request_stack' => ['class' => 'Symfony\Component\HttpFoundation\RequestStack'],
      'datetime.time' => ['class' => 'Drupal\Component\Datetime\Time', 'arguments' => ['@request_stack']],
      'serialization.phpserialize' => ['class' => 'Drupal\Component\Serialization\PhpSerialize'],
      'cache_tags_provider.container' => [
        'class' => 'Drupal\Core\Cache\DatabaseCacheTagsChecksum',
        'arguments' => ['@database'],
      ],
      'cache.container.database' => [
        'class' => 'Drupal\Core\Cache\DatabaseBackend',
        // The last: as many rows as there are.
        'arguments' => [
          '@database', '@cache_tags_provider.container', 'container', '@serialization.phpserialize', '@datetime.time', -1,
        ],
      ],
      'cache.container.fast' => $drucloud_apcu ? [
        'class' => 'Drupal\Core\Cache\ApcuBackend',
        'arguments' => ['container', 'drucloud', '@cache_tags_provider.container', '@datetime.time'],
      ] : ['class' => 'Drupal\Core\Cache\NullBackend', 'arguments' => ['container']],
      'cache.container' => [
        'class' => 'Drupal\Core\Cache\ChainedFastBackend',
        'arguments' => ['@cache.container.database', '@cache.container.fast', 'container'],
      ],
    ],
  ];
}
require __DIR__ . '/services.php';
unset($drucloud, $drucloud_apcu);
