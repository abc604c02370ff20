vcl 4.1;
# As the distribution's behaviours say: session cookies are part of the key and no other cookie is, everything reaches
# the origin, private paths are never kept. TLS and the redirect to it are not played.
import std;

backend origin {
    .host = "10.0.0.20";
    .port = "80";
    .first_byte_timeout = 60s;
    .between_bytes_timeout = 60s;
}

sub vcl_recv {
    set req.http.X-Viewer-Cookie = req.http.Cookie;
    set req.http.CloudFront-Forwarded-Proto = "http";
    set req.http.CloudFront-Viewer-Address = client.ip + ":0";
    set req.http.Via = "1.1 d1.cloudfront.net (CloudFront)";
    if (req.method != "GET" && req.method != "HEAD") {
        return (pass);
    }
    if (req.url ~ "^/(?:user|admin)") {
        return (pass);
    }
    if (req.url ~ "^/(?:core|themes)/" || req.url ~ "^/sites/[^/]+/files/(?:css|js|styles)/") {
        unset req.http.Cookie;
    } else if (req.http.Cookie) {
        # Only these are part of the key: SESS*, SSESS*, NO_CACHE.
        set req.http.Cookie = ";" + req.http.Cookie;
        set req.http.Cookie = regsuball(req.http.Cookie, "; +", ";");
        set req.http.Cookie = regsuball(req.http.Cookie, ";(S?SESS[^=;]*|NO_CACHE)=", "; \1=");
        set req.http.Cookie = regsuball(req.http.Cookie, ";[^ ][^;]*", "");
        set req.http.Cookie = regsuball(req.http.Cookie, "^[; ]+|[; ]+$", "");
        if (req.http.Cookie == "") {
            unset req.http.Cookie;
        }
    }
    return (hash);
}

sub vcl_hash {
    if (req.http.Cookie) {
        hash_data(req.http.Cookie);
    }
}

sub vcl_backend_fetch {
    # The origin gets what the visitor sent.
    if (bereq.http.X-Viewer-Cookie) {
        set bereq.http.Cookie = bereq.http.X-Viewer-Cookie;
    }
    unset bereq.http.X-Viewer-Cookie;
    set bereq.http.X-Origin-Verify = std.getenv("ORIGIN_HEADER_1");
    # One answer is made for all encodings; it is packed here.
    set bereq.http.X-Amz-Cf-Id = bereq.xid;
}

sub vcl_backend_response {
    # Cookies are in the key already, as the cache policy says; CloudFront does not read "Vary: Cookie".
    if (beresp.http.Vary) {
        set beresp.http.X-Vary = beresp.http.Vary;
        set beresp.http.Vary = regsuball(beresp.http.Vary, "(?i)\s*cookie\s*,?", "");
        if (beresp.http.Vary ~ "^[, ]*$") {
            unset beresp.http.Vary;
        }
    }
    if (beresp.http.Cache-Control ~ "(?i)private|no-cache|no-store" || beresp.http.Set-Cookie) {
        set beresp.uncacheable = true;
        set beresp.ttl = 0s;
        return (deliver);
    }
    # CloudFront keeps errors for ten seconds.
    if (beresp.status >= 500) {
        set beresp.ttl = 10s;
    }
}

sub vcl_deliver {
    if (resp.http.X-Vary) {
        set resp.http.Vary = resp.http.X-Vary;
        unset resp.http.X-Vary;
    }
    set resp.http.X-Cache = "Miss from cloudfront";
    if (obj.hits > 0) {
        set resp.http.X-Cache = "Hit from cloudfront";
    }
    if (obj.uncacheable || obj.hits == 0) {
        unset resp.http.Age;
    }
    set resp.http.Via = "1.1 d1.cloudfront.net (CloudFront)";
    set resp.http.X-Amz-Cf-Pop = "SBX50-C1";
    set resp.http.X-Amz-Cf-Id = req.xid;
    unset resp.http.X-Varnish;
}
