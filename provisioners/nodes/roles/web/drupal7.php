<?php

/**
 * A Drupal 7 from the command line, through core's own functions: no Drush is needed in the repository.
 *
 *   php drupal7.php ACTION DOCROOT [JSON]
 *
 * state    empty | other | broken | ready SINCE: what the database is to this code, and when Drupal was installed into it
 * install  the standard profile into an empty database; JSON: {"name", "mail"}. With "again" tables go first: those of an
 *          installation of ours that was cut off
 * update   what update.php does: pending updates of the database, then every cache is emptied
 * cron     cron, if no other machine runs it and it did not run a moment ago
 * report   what Drupal says about itself, as JSON
 *
 * Prints the answer as JSON: {"answer": ...}, or {"error": one plain sentence} with exit code 1.
 */

const LEAST_SECONDS = 600;  // the timers of two servers may fire one after the other

if (PHP_SAPI !== 'cli') {
  exit(1);
}
[, $action, $docroot] = $argv;
$told = json_decode($argv[3] ?? '{}', TRUE, 4, JSON_THROW_ON_ERROR);
chdir($docroot);
define('DRUPAL_ROOT', getcwd());
$_SERVER['REMOTE_ADDR'] = '127.0.0.1';
$_SERVER['HTTP_HOST'] = 'localhost';
// No method, so that Drupal does not answer from its page cache and end (Drush does the same).
$_SERVER['REQUEST_METHOD'] = '';
$_SERVER['SERVER_SOFTWARE'] = 'drucloud';
$_SERVER['SCRIPT_NAME'] = '/index.php';
$_SERVER['REQUEST_URI'] = '/';
require_once DRUPAL_ROOT . '/includes/bootstrap.inc';
// What Drupal itself prints (it is written for browsers) is nobody's answer. A fatal error ends it without one.
ob_start();

/** The answer, and the end. */
function answer(mixed $answer): never {
  while (ob_get_level()) {
    ob_end_clean();
  }
  echo json_encode(['answer' => $answer], JSON_PARTIAL_OUTPUT_ON_ERROR), "\n";
  exit(0);
}

/** One sentence on why not, and the end. */
function refuse(string $why): never {
  while (ob_get_level()) {
    ob_end_clean();
  }
  echo json_encode(['error' => trim(strip_tags($why))], JSON_PARTIAL_OUTPUT_ON_ERROR), "\n";
  exit(1);
}

/** The database and nothing else: Drupal's own steps there read tables that may not be there. */
function connect(): void {
  drupal_bootstrap(DRUPAL_BOOTSTRAP_CONFIGURATION);
  require_once DRUPAL_ROOT . '/includes/database/database.inc';
}

function state(): string {
  connect();
  if (!db_query('SHOW TABLES')->fetchCol()) {
    return 'empty';
  }
  if (!db_table_exists('system') || !db_table_exists('variable')) {
    return 'other';
  }
  $told = db_query("SELECT name, value FROM {variable} WHERE name IN ('install_task', 'install_time')")->fetchAllKeyed();
  $told = array_map(static fn (string $value) => unserialize($value, ['allowed_classes' => FALSE]), $told);
  return ($told['install_task'] ?? '') === 'done' ? 'ready ' . ($told['install_time'] ?? 0) : 'broken';
}

function drop_tables(): void {
  connect();
  foreach (db_query('SHOW TABLES')->fetchCol() as $table) {
    db_query('DROP TABLE `' . str_replace('`', '``', $table) . '`');
  }
}

function install(array $told): string {
  define('MAINTENANCE_MODE', 'install');
  if (!empty($told['again'])) {
    drop_tables();
  }
  require_once DRUPAL_ROOT . '/includes/install.core.inc';
  $password = bin2hex(random_bytes(16));  // thrown away: user_pass_reset_url() makes a one-time link
  install_drupal([
    'parameters' => ['profile' => 'standard', 'locale' => 'en'],
    'forms' => [
      'install_configure_form' => [
        'site_name' => $told['name'],
        'site_mail' => $told['mail'],
        'account' => [
          'name' => 'admin',
          'mail' => $told['mail'],
          'pass' => ['pass1' => $password, 'pass2' => $password],
        ],
        'update_status_module' => [1 => NULL, 2 => NULL],
        'clean_url' => TRUE,
      ],
    ],
  ]);
  variable_set('clean_url', 1);
  drupal_flush_all_caches();
  return 'installed Drupal ' . VERSION;
}

/** The updates that wait, by function, in an order that their dependencies allow. */
function waiting(): array {
  require_once DRUPAL_ROOT . '/includes/install.inc';
  require_once DRUPAL_ROOT . '/includes/update.inc';
  drupal_load_updates();
  $start = [];
  foreach (update_get_update_list() as $module => $list) {
    if (!empty($list['pending'])) {
      $start[$module] = $list['start'];
    }
  }
  return update_resolve_dependencies($start);
}

function update(): string {
  drupal_bootstrap(DRUPAL_BOOTSTRAP_FULL);
  $updates = waiting();
  $before = variable_get('maintenance_mode', FALSE);
  if ($updates) {
    variable_set('maintenance_mode', TRUE);
  }
  $results = [];
  foreach ($updates as $function => $update) {
    if (!$update['allowed']) {
      refuse("$function cannot run: something that it needs is missing");
    }
    $dependencies = array_keys($update['reverse_paths'] ?? []);
    $context = ['sandbox' => [], 'results' => &$results, 'message' => ''];
    do {
      $context['finished'] = 1;
      update_do_one($update['module'], $update['number'], $dependencies, $context);
    } while ($context['finished'] < 1 && empty($results['#abort']));
    if (!empty($results['#abort'])) {
      refuse("$function failed; the site stays in maintenance mode: "
        . ($results[$update['module']][$update['number']]['#abort']['query'] ?? ''));
    }
  }
  if ($updates) {
    variable_set('maintenance_mode', $before);
  }
  drupal_flush_all_caches();
  return $updates ? 'updated the database (' . count($updates) . ' updates)' : 'the database needed no update';
}

/** MariaDB's lock goes with this connection, so a killed cron does not hold it. */
function cron(): string {
  drupal_bootstrap(DRUPAL_BOOTSTRAP_FULL);
  if (variable_get('maintenance_mode', FALSE)) {
    return 'the site is in maintenance mode';
  }
  if (!db_query("SELECT GET_LOCK(CONCAT('drucloud-cron-', DATABASE()), 0)")->fetchField()) {
    return 'another machine is running it';
  }
  $last = (int) unserialize((string) db_query("SELECT value FROM {variable} WHERE name = 'cron_last'")->fetchField());
  if (time() - $last < LEAST_SECONDS) {
    return 'another machine ran it a moment ago';
  }
  $began = microtime(TRUE);
  if (!drupal_cron_run()) {
    refuse('cron did not run: Drupal says that it is running already');
  }
  return sprintf('cron ran in %.1f s', microtime(TRUE) - $began);
}

/** In the words of Drush's answers, which health.drupal reads. */
function report(): array {
  drupal_bootstrap(DRUPAL_BOOTSTRAP_FULL);
  require_once DRUPAL_ROOT . '/includes/install.inc';
  drupal_load_updates();
  $requirements = module_invoke_all('requirements', 'runtime');
  // That Drupal 7 itself is out of support is told in its own place.
  unset($requirements['update_core'], $requirements['update_contrib']);
  $errors = array_filter($requirements, static fn (array $row) => ($row['severity'] ?? 0) === REQUIREMENT_ERROR);
  return [
    'status' => ['drupal-version' => VERSION, 'bootstrap' => 'Successful'],
    'requirements' => array_map(static fn (array $row) => ['title' => strip_tags((string) $row['title'])], $errors),
    'cron' => variable_get('cron_last'),
    'updates' => array_keys(waiting()),
    'memcache' => variable_get('cache_default_class') === 'MemCacheDrupal',
    'now' => time(),
  ];
}

try {
  match ($action) {
    'state' => answer(state()),
    'install' => answer(install($told)),
    'update' => answer(update()),
    'cron' => answer(cron()),
    'report' => answer(report()),
  };
}
catch (Throwable $error) {
  refuse(get_class($error) . ': ' . $error->getMessage());
}
