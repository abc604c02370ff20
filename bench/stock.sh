# A stock nginx and PHP-FPM, as Debian installs them, serving the same site: the defaults of Debian's nginx.conf and
# www.conf, PHP without our settings, and the location blocks of a plain Drupal guide. By port:
#   8181  Drupal's own settings: caches in the database, page cache on
#   8182  the same with the page cache off
#   8183  our settings.php (memcached), so that only the servers differ
mkdir -p /run/stock/conf.d
cp -L /etc/php/8.4/fpm/conf.d/*.ini /run/stock/conf.d/
rm -f /run/stock/conf.d/90-drucloud.ini
cat > /run/stock/fpm.conf <<'END'
[global]
error_log = /run/stock/fpm.log
[www]
user = www-data
group = www-data
listen = /run/stock/fpm.sock
listen.owner = www-data
listen.group = www-data
pm = dynamic
pm.max_children = 5
pm.start_servers = 2
pm.min_spare_servers = 1
pm.max_spare_servers = 3
END
cat > /run/stock/null.yml <<'END'
services:
  cache.backend.null:
    class: Drupal\Core\Cache\NullBackendFactory
END
cat > /run/stock/settings.php <<'END'
<?php
$found = json_decode(file_get_contents('/etc/drucloud/site.json'), TRUE);
$databases['default']['default'] = [
  'driver' => 'mysql',
  'collation' => 'utf8mb4_general_ci',
  // The database refuses connections without TLS.
  'pdo' => [Pdo\Mysql::ATTR_SSL_CIPHER => 'HIGH', Pdo\Mysql::ATTR_SSL_VERIFY_SERVER_CERT => FALSE],
  'database' => $found['database']['name'],
] + $found['database'];
unset($databases['default']['default']['name'], $databases['default']['default']['ca']);
$settings['hash_salt'] = $found['hash_salt'];
$settings['deployment_identifier'] = 'stock';
$settings['file_private_path'] = '/srv/site/shared/private';
$settings['config_sync_directory'] = '/srv/site/shared/config-sync';
$config['system.performance']['cache']['page']['max_age'] = 900;
if ($_SERVER['STOCK'] === 'off') {
  $settings['container_yamls'][] = '/run/stock/null.yml';
  $settings['cache']['bins']['page'] = 'cache.backend.null';
}
END
docroot=$(sed -n 's/.*"docroot": "\(.*\)",/\1/p' /etc/drucloud/site-settings.json)
settings=/srv/site/current/$docroot/sites/default/settings.php
# One switch in front of both settings; unstock.sh puts the link back.
test -L /run/stock/settings.link || cp -a "$settings" /run/stock/settings.link
rm -f "$settings"
cat > "$settings" <<'END'
<?php
require in_array($_SERVER['STOCK'] ?? '', ['on', 'off']) ? '/run/stock/settings.php' : '/etc/drucloud/settings.php';
END
chmod 644 "$settings"
systemctl reload php8.4-fpm
server() {
    cat <<END
    server {
        listen $1;
        root /srv/site/current/$docroot;
        index index.php;
        location / { try_files \$uri /index.php?\$query_string; }
        location ~ \.php\$ {
            include /etc/nginx/fastcgi_params;
            fastcgi_param SCRIPT_FILENAME \$document_root\$fastcgi_script_name;
            fastcgi_param HTTP_HOST 127.0.0.1;
            fastcgi_param STOCK $2;
            fastcgi_pass unix:/run/stock/fpm.sock;
        }
    }
END
}
cat > /run/stock/nginx.conf <<END
user www-data;
worker_processes auto;
pid /run/stock/nginx.pid;
error_log /run/stock/nginx.log;
events { worker_connections 768; }
http {
    sendfile on;
    tcp_nopush on;
    types_hash_max_size 2048;
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    access_log /run/stock/access.log;
    gzip on;
$(server 8181 on)
$(server 8182 off)
$(server 8183 ours)
}
END
systemctl reset-failed stock-php-fpm stock-nginx 2>/dev/null || true
systemctl is-active --quiet stock-php-fpm || systemd-run -q --unit=stock-php-fpm -p CPUAccounting=yes \
    -E PHP_INI_SCAN_DIR=/run/stock/conf.d php-fpm8.4 --nodaemonize --fpm-config /run/stock/fpm.conf
systemctl is-active --quiet stock-nginx || systemd-run -q --unit=stock-nginx -p CPUAccounting=yes \
    nginx -c /run/stock/nginx.conf -g 'daemon off;'
# What the site did since the last time is not in these caches.
cd /srv/site/current
for with in on off; do
    runuser -u www-data -- env HOME=/var/cache/drupal STOCK=$with php vendor/drush/drush/drush.php -q cache:rebuild
done
for port in 8181 8182 8183; do curl -fsS -o /dev/null http://127.0.0.1:$port/; done
