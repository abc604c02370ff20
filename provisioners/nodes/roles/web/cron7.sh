#!/bin/sh
# Drupal 7's cron, through core's own function (drupal7.php says how it is one web server at a time).
exec /usr/lib/drucloud/install --cron
