<?php

/**
 * Settings of a Drupal 7 on a drucloud machine. No secret stands here: they come from site.json, which only root and PHP
 * read.
 *
 * A release without a settings.php of its own is linked to this file; one that has its own includes it at its end, and
 * keeps no $databases there:
 *   require '/etc/drucloud/settings.php';
 */

$drucloud = json_decode((string) file_get_contents('/etc/drucloud/site.json'), TRUE, 8, JSON_THROW_ON_ERROR);

$databases['default']['default'] = [
  'driver' => 'mysql',
  'database' => $drucloud['database']['name'],
  'username' => $drucloud['database']['username'],
  'password' => $drucloud['database']['password'],
  'host' => $drucloud['database']['host'],
  'port' => $drucloud['database']['port'],
  'prefix' => '',
  'charset' => 'utf8mb4',
  'collation' => 'utf8mb4_general_ci',
  'init_commands' => ['isolation_level' => 'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED'],
  // RDS refuses connections without TLS; its authorities are verified wherever their bundle was fetched. Connections are
  // not kept: Drupal 7's statement class and PDO's persistent connections exclude each other.
  'pdo' => is_readable($drucloud['database']['ca'])
    ? [PDO::MYSQL_ATTR_SSL_CA => $drucloud['database']['ca']]
    : [PDO::MYSQL_ATTR_SSL_CIPHER => 'HIGH', PDO::MYSQL_ATTR_SSL_VERIFY_SERVER_CERT => FALSE],
];

$drupal_hash_salt = $drucloud['hash_salt'];
$update_free_access = FALSE;
// Without a domain the site answers to addresses and to the names AWS gives its balancers and distributions.
$conf['trusted_host_patterns'] = $drucloud['domain'] !== ''
  ? ['^' . preg_quote($drucloud['domain']) . '$']
  : ['^[0-9.]+$', '^localhost$', '\.amazonaws\.com$', '\.cloudfront\.net$'];
// Releases before 7.104 know no trusted hosts: a fixed address keeps a forged Host out of the links in their mails too.
if ($drucloud['domain'] !== '') {
  $base_url = (empty($_SERVER['HTTPS']) ? 'http://' : 'https://') . $drucloud['domain'];
}

$conf['file_public_path'] = 'sites/default/files';
$conf['file_private_path'] = '/srv/site/shared/private';
$conf['file_temporary_path'] = '/tmp';
// The code belongs to root: nothing is installed or updated through the browser.
$conf['allow_authorize_operations'] = FALSE;
// A timer runs cron, on one web server at a time; no visitor waits for it.
$conf['cron_safe_threshold'] = 0;
// What PHP 8.2 finds outdated in an old module is no error (Drupal's log of it would be written at each request), and what
// is one goes to the log. Shown to a visitor, as Drupal 7 does by itself, it is a message, and a message begins a session:
// no page would ever be kept.
error_reporting(E_ALL & ~E_DEPRECATED & ~E_USER_DEPRECATED);
$conf['error_level'] = 0;
// The machine does not resolve the site's own name to itself; what it says about that is no fault.
$conf['drupal_http_request_fails'] = FALSE;

// nginx has put the visitor's own address and scheme in their places and takes the proxies' headers away, so that there
// is nothing for Drupal to trust (/etc/nginx/drucloud/proxies.conf).
$conf['reverse_proxy'] = FALSE;

// Drupal ships with all of this off, and then nothing at all is cached in front of PHP.
$conf['cache'] = 1;
$conf['block_cache'] = 1;
$conf['cache_lifetime'] = 0;
$conf['page_cache_maximum_age'] = 900;
$conf['preprocess_css'] = 1;
$conf['preprocess_js'] = 1;
// nginx compresses.
$conf['page_compression'] = 0;
$conf['css_gzip_compression'] = FALSE;
$conf['js_gzip_compression'] = FALSE;

// A file that is not there costs a line, not a themed page; image styles and private files are made by PHP.
$conf['404_fast_paths_exclude'] = '/\/(?:styles|imagecache|advagg_css|advagg_js)\/|system\/files/';
$conf['404_fast_paths'] = '/\.(?:txt|png|gif|jpe?g|css|js|ico|swf|flv|cgi|bat|pl|dll|exe|asp|woff2?|ttf|svg|map)$/i';
$conf['404_fast_html'] = '<!DOCTYPE html><html><head><title>404 Not Found</title></head><body><h1>Not Found</h1>'
  . '<p>The requested URL "@path" was not found on this server.</p></body></html>';

// page_cache_maximum_age is what browsers and the CDN are told. nginx, which nobody purges when an editor saves, keeps a
// page for its own, shorter time; only a page that says itself that it is public gets that header.
if (isset($_SERVER['MICRO_CACHE_SECONDS'])) {
  header_register_callback(static function (): void {
    foreach (headers_list() as $header) {
      if (preg_match('/^Cache-Control:(?=.*\bpublic\b)(?!.*\b(?:private|no-cache|no-store)\b).*\bmax-age=(\d+)/i', $header, $found)) {
        header('X-Accel-Expires: ' . min((int) $found[1], (int) $_SERVER['MICRO_CACHE_SECONDS']));
      }
    }
  });
}

// The memcache module, wherever the repository keeps it. Forms stay in the database: an evicted one is a lost one.
$drucloud_memcache = glob(DRUPAL_ROOT . '/{sites/all,sites/default,profiles/*}/modules/{,contrib/}memcache/memcache.inc', GLOB_BRACE);
if ($drucloud_memcache && extension_loaded('memcached') && (!defined('MAINTENANCE_MODE') || MAINTENANCE_MODE !== 'install')) {
  $drucloud_memcache = substr(dirname($drucloud_memcache[0]), strlen(DRUPAL_ROOT) + 1);
  $conf['cache_backends'][] = "$drucloud_memcache/memcache.inc";
  $conf['lock_inc'] = "$drucloud_memcache/memcache-lock.inc";
  $conf['cache_default_class'] = 'MemCacheDrupal';
  $conf['cache_class_cache_form'] = 'DrupalDatabaseCache';
  $conf['memcache_stampede_protection'] = TRUE;
  $conf['memcache_extension'] = 'Memcached';
  $conf['memcache_key_prefix'] = $drucloud['deployment'];
  foreach ($drucloud['memcached'] as $drucloud_node) {
    $conf['memcache_servers']["{$drucloud_node['host']}:{$drucloud_node['port']}"] = 'default';
  }
  $conf['memcache_bins'] = ['cache' => 'default'];
  $conf['memcache_options'] = [
    Memcached::OPT_DISTRIBUTION => Memcached::DISTRIBUTION_CONSISTENT,
    Memcached::OPT_LIBKETAMA_COMPATIBLE => TRUE,
    Memcached::OPT_CONNECT_TIMEOUT => 100,
    Memcached::OPT_REMOVE_FAILED_SERVERS => TRUE,
    Memcached::OPT_SERVER_FAILURE_LIMIT => 2,
    Memcached::OPT_RETRY_TIMEOUT => 10,
    Memcached::OPT_TCP_NODELAY => TRUE,
  ];
}
unset($drucloud, $drucloud_memcache, $drucloud_node);
