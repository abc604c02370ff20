"""The end state of bench/converge_role for pyinfra, as a good user would write it."""

from pyinfra import config, host
from pyinfra.api.operation import OperationMeta
from pyinfra.operations import apt, files, server, systemd

config.SUDO = True
ROLE = host.data.role


def template(name: str, path: str, source: str, user: str = "root", group: str = "root") -> OperationMeta:
    return files.template(
        name=name,
        src=f"{ROLE}/{source}",
        dest=path,
        user=user,
        group=group,
        mode="644",
        site=host.data.site,
        workers=host.data.workers,
        somaxconn=host.data.somaxconn,
        revision=host.data.revision,
    )


apt.packages(
    name="Packages",
    packages=["nginx", "memcached", "cron", "logrotate"],
    no_recommends=True,
    update=True,
    cache_time=3600,
)

ssh = template("SSH hardening", "/etc/ssh/sshd_config.d/10-bench.conf", "sshd.conf.j2")
server.shell(name="sshd accepts it", commands=["/usr/sbin/sshd -t"], _if=ssh.did_change)
systemd.service(name="SSH server", service="ssh.service", running=True, enabled=True)
systemd.service(name="Reload ssh", service="ssh.service", reloaded=True, _if=ssh.did_change)

template("Message of the day", "/etc/motd", "motd.j2")
template("Environment of shells", "/etc/profile.d/bench.sh", "profile.sh.j2")
network = template("Network settings", "/etc/sysctl.d/60-bench.conf", "sysctl.conf.j2")
server.shell(
    name="Network settings are in force",
    commands=["sysctl -q -p /etc/sysctl.d/60-bench.conf"],
    _if=network.did_change,
)

files.directory(name="Folder of the site", path="/srv/bench", user="www-data", group="www-data", mode="755")
files.directory(name="Folder of its files", path="/srv/bench/files", user="www-data", group="www-data", mode="775")
template("Front page", "/srv/bench/index.html", "index.html.j2", "www-data", "www-data")
template("robots.txt", "/srv/bench/robots.txt", "robots.txt.j2", "www-data", "www-data")

unit = template("Limits of nginx", "/etc/systemd/system/nginx.service.d/bench.conf", "nginx-unit.conf.j2")
nginx = [
    template("nginx", "/etc/nginx/nginx.conf", "nginx.conf.j2"),
    template("Headers", "/etc/nginx/conf.d/headers.conf", "headers.conf.j2"),
    template("The site", "/etc/nginx/conf.d/site.conf", "site.conf.j2"),
]


def nginx_changed() -> bool:
    return any(operation.did_change() for operation in nginx)


server.shell(name="nginx accepts it", commands=["nginx -t"], _if=nginx_changed)
systemd.service(name="nginx runs", service="nginx.service", running=True, enabled=True)
systemd.service(name="Restart nginx", service="nginx.service", restarted=True, daemon_reload=True, _if=unit.did_change)
systemd.service(name="Reload nginx", service="nginx.service", reloaded=True, _if=nginx_changed)

memcached = template("memcached", "/etc/memcached.conf", "memcached.conf.j2")
systemd.service(name="memcached runs", service="memcached.service", running=True, enabled=True)
systemd.service(name="Restart memcached", service="memcached.service", restarted=True, _if=memcached.did_change)

template("Log rotation", "/etc/logrotate.d/bench", "logrotate.j2")
template("Cron job", "/etc/cron.d/bench", "cron.j2")
server.shell(name="The site answers", commands=["curl -fsS -o /dev/null http://127.0.0.1/"])
