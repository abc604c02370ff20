<?php

/**
 * What the deployment has built for the site's own modules, for settings.php: each only when the module is in the code.
 *
 * $drucloud is site.json; $app_root, $settings and $config are Drupal's. docs/why/drupal-services.md says why, and
 * health names what is missing (drupal.services).
 */

$drucloud_services = $drucloud['services'] ?? [];
$drucloud_has = static fn (string $module): bool => isset($app_root)
  && (is_dir("$app_root/modules/contrib/$module") || is_dir("$app_root/modules/$module"));

// The machine's timer runs cron, on one server at a time; a visitor's request must not.
$config['automated_cron.settings']['interval'] = 0;

// Solr: the server called "solr", and every other one that the repository's configuration gives to the same module.
if (isset($drucloud_services['search']) && $drucloud_has('search_api_solr')) {
  $drucloud_servers = ['search_api.server.solr'];
  foreach (glob("$app_root/{$settings['config_sync_directory']}/search_api.server.*.yml") ?: [] as $drucloud_file) {
    if (preg_match('/^backend: search_api_solr$/m', (string) file_get_contents($drucloud_file))) {
      $drucloud_servers[] = basename($drucloud_file, '.yml');
    }
  }
  foreach (array_unique($drucloud_servers) as $drucloud_server) {
    $config[$drucloud_server]['backend_config']['connector'] = 'standard';
    $config[$drucloud_server]['backend_config']['connector_config'] = [
      'scheme' => 'http',
      'host' => $drucloud_services['search']['host'],
      // The machine's own configuration has the module's field names; it is not the one generated for this site.
      'skip_schema_check' => TRUE,
      'port' => 8983,
      'path' => '/',
      'core' => 'drupal',
      'timeout' => 5,
      'index_timeout' => 10,
      'optimize_timeout' => 10,
      'finalize_timeout' => 30,
    ];
  }
}

// Files in the bucket. No key: the AWS SDK uses the machine's role. The bucket takes no access lists (its owner owns
// everything), hence "private" uploads; CloudFront may read s3fs-public/ and nothing else. Aggregates stay on the
// machine: s3fs does not take assets://, and each server can make them (settings.php, file_assets_path).
if (isset($drucloud_services['files']) && $drucloud_has('s3fs')) {
  $settings['s3fs.use_s3_for_public'] = TRUE;
  $settings['s3fs.use_s3_for_private'] = TRUE;
  $settings['s3fs.upload_as_private'] = TRUE;
  $config['s3fs.settings']['bucket'] = $drucloud_services['files']['bucket'];
  $config['s3fs.settings']['region'] = $drucloud_services['files']['region'];
  $config['s3fs.settings']['public_folder'] = 's3fs-public';
  $config['s3fs.settings']['private_folder'] = 's3fs-private';
  $config['s3fs.settings']['use_https'] = TRUE;
  $config['s3fs.settings']['use_cname'] = TRUE;
  $config['s3fs.settings']['domain'] = $drucloud_services['files']['domain'];
  $config['s3fs.settings']['domain_root'] = 'none';
  // A changed file gets another name in Drupal, but an image style keeps its own: a month, and CloudFront can forget.
  $config['s3fs.settings']['cache_control_header'] = 'public, max-age=2592000';
  $config['s3fs.settings']['use_credentials_cache'] = TRUE;
  $config['s3fs.settings']['credentials_cache_dir'] = '/var/cache/drupal/aws';
}

// CloudFront forgets by tag what was changed. The header is what the distribution reads its tags from; the module
// hashes tags (ASCII, six letters) and puts those that change first: CloudFront keeps 50 of them.
if (isset($drucloud_services['purge']) && $drucloud_has('cloudfront_purger')) {
  $config['cloudfront_purger.settings']['distribution_id'] = $drucloud_services['purge']['distribution'];
  $config['cloudfront_purger.settings']['disabled'] = FALSE;
  $config['cloudfront_purger_tags.settings']['cache_tag_header_name'] = $drucloud_services['purge']['header'];
}

// Mail by SES's API with the machine's role; core's own mailer finds the transport when Composer has brought it.
if (isset($drucloud_services['mail'], $app_root) && is_dir("$app_root/../vendor/symfony/amazon-mailer")) {
  $config['system.mail']['interface']['default'] = 'symfony_mailer';
  $config['system.mail']['mailer_dsn'] = [
    'scheme' => 'ses+api',
    'host' => 'default',
    'user' => NULL,
    'password' => NULL,
    'port' => NULL,
    'options' => ['region' => $drucloud_services['mail']['region']],
  ];
}

unset($drucloud_services, $drucloud_has, $drucloud_servers, $drucloud_server, $drucloud_file);
