# Take away what stock.sh has put in place.
systemctl stop stock-nginx stock-php-fpm
docroot=$(sed -n 's/.*"docroot": "\(.*\)",/\1/p' /etc/drucloud/site-settings.json)
settings=/srv/site/current/$docroot/sites/default/settings.php
rm -f "$settings" /srv/site/shared/files/bench.html
cp -a /run/stock/settings.link "$settings"
rm -rf /run/stock
systemctl reload php8.4-fpm
