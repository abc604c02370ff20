# Read by bin/solr (SOLR_INCLUDE). A machine of 2048 MiB: half of it for the heap, at most 4 GiB; the rest is
# the page cache that the index lives from.
SOLR_HEAP="1024m"
SOLR_HOME=/srv/solr/data
SOLR_LOGS_DIR=/var/log/solr
SOLR_PID_DIR=/run/solr
SOLR_PORT=8983
# The private address only; who may come there is the security group's business.
SOLR_JETTY_HOST=10.0.1.31
SOLR_ULIMIT_CHECKS=false
# What a configuration that Drupal's module made for this site asks for.
SOLR_MODULES=extraction,langid,ltr,analysis-extras
SOLR_LOG_LEVEL=WARN
