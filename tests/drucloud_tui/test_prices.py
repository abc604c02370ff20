"""Newer prices from AWS's price list: its own format over HTTP, and what happens without it."""

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from drucloud_tui.cli import run
from profiles import catalogue, store
from profiles.catalogue import refreshed
from provisioners.blueprint.build import build
from provisioners.blueprint.placeholders import placeholder_lookups
from provisioners.engine.cost import estimate

REGION = "eu-central-1"


def product(usd, family="Compute Instance", day="2026-11-01T00:00:00Z", **attributes):
    """One entry of a price list as GetProducts gives it (AWS Billing User Guide, "Reading a price list file")."""
    sku = "SKU" + str(abs(hash(str(attributes))))[:10]
    rate = {
        "unit": "Hrs", "beginRange": "0", "endRange": "Inf", "description": "", "appliesTo": [],
        "rateCode": f"{sku}.JRTCKXETXF.6YS6EN2CT7", "pricePerUnit": {"USD": usd},
    }  # fmt: skip
    offer = {"offerTermCode": "JRTCKXETXF", "sku": sku, "effectiveDate": day, "termAttributes": {}}
    offer["priceDimensions"] = {f"{sku}.JRTCKXETXF.6YS6EN2CT7": rate}
    return {
        "product": {"productFamily": family, "sku": sku, "attributes": {"regionCode": REGION, **attributes}},
        "serviceCode": "", "version": "20261120", "publicationDate": "2026-11-20T00:00:00Z",
        "terms": {"OnDemand": {f"{sku}.JRTCKXETXF": offer}, "Reserved": {}},
    }  # fmt: skip


T4G = {"instanceType": "t4g.small", "vcpu": "2", "memory": "2 GiB", "operatingSystem": "Linux", "tenancy": "Shared",
       "preInstalledSw": "NA", "capacitystatus": "Used", "marketoption": "OnDemand"}  # fmt: skip
DB = {"instanceType": "db.t4g.micro", "vcpu": "2", "memory": "1 GiB", "databaseEngine": "MariaDB"}
ALB = {"operation": "LoadBalancing:Application"}
PRODUCTS = {
    "AmazonEC2": [
        product("0.0200000000", **T4G),
        product("0.9000000000", **{**T4G, "instanceType": "x9g.small"}),
        product("0.0000000000", **{**T4G, "instanceType": "t4g.micro"}),
        product("0.0530000000", family="NAT Gateway", operation="NatGateway", usagetype="EUC1-NatGateway-Hours"),
        product("0.0540000000", family="NAT Gateway", operation="NatGateway", usagetype="EUC1-NatGateway-Bytes"),
        product("0.0960000000", family="Storage", volumeApiName="gp3", usagetype="EUC1-EBS:VolumeUsage.gp3"),
    ],
    "AmazonRDS": [
        product("0.0190000000", family="Database Instance", deploymentOption="Single-AZ", **DB),
        product("0.0380000000", family="Database Instance", deploymentOption="Multi-AZ", **DB),
    ],
    "AmazonElastiCache": [
        product("0.0210000000", family="Cache Instance", instanceType="cache.t4g.micro", vcpu="2", memory="0.5 GiB",
                cacheEngine="Memcached"),
    ],
    "AWSELB": [
        product("0.0270000000", family="Load Balancer-Application", usagetype="EUC1-LoadBalancerUsage", **ALB),
        product("0.0085000000", family="Load Balancer-Application", usagetype="EUC1-LCUUsage", **ALB),
    ],
    "AmazonVPC": [product("0.0050000000", group="VPCPublicIPv4Address", usagetype="EUC1-PublicIPv4:InUseAddress")],
}  # fmt: skip


class PriceList(BaseHTTPRequestHandler):
    """GetProducts with its filters and pages of two."""

    refusal = None

    def do_POST(self):
        assert self.headers["X-Amz-Target"] == "AWSPriceListService.GetProducts"
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.refusal:
            self.answer(400, {"__type": self.refusal, "message": "not you"})
            return
        fitting = [one for one in PRODUCTS.get(asked["ServiceCode"], []) if self.fits(one, asked["Filters"])]
        start = int(asked.get("NextToken", 0))
        body = {"FormatVersion": "aws_v1", "PriceList": [json.dumps(one) for one in fitting[start : start + 2]]}
        if start + 2 < len(fitting):
            body["NextToken"] = str(start + 2)
        self.answer(200, body)

    def fits(self, one, filters):
        known = {**one["product"]["attributes"], "productFamily": one["product"]["productFamily"]}
        return all(known.get(row["Field"]) == row["Value"] for row in filters)

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def here(tmp_path, monkeypatch):
    for name, value in {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setenv("DRUCLOUD_CACHE", str(tmp_path))
    refreshed._read.cache_clear()
    yield tmp_path
    refreshed._read.cache_clear()


@pytest.fixture
def server(here, monkeypatch):
    class Handler(PriceList):
        pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", f"http://127.0.0.1:{listening.server_port}")
        yield Handler
        listening.shutdown()


def monthly(**answers):
    profile = store.apply(store.load(store.resolve("standard")), {"aws.region": REGION, **answers})
    return {
        line.logical_id: line for line in estimate(build(profile, placeholder_lookups(profile, "aws")), REGION).lines
    }


def test_newer_prices_go_before_the_dated_ones_and_say_their_day(server, here, capsys):
    before = monthly()["Balancer"]
    assert run(["prices", "refresh", "--region", REGION]) == 0
    assert "as of 2026-11-01: 1 of ec2, 1 of rds, 1 of elasticache, 6 of services" in capsys.readouterr().out
    machine = catalogue.find("ec2", REGION, "t4g.small")
    assert (machine.usd_hour, machine.as_of, machine.source, machine.memory_mib) == (
        0.02, "2026-11-01", "AWS Price List", 2048,
    )  # fmt: skip
    assert catalogue.find("rds", REGION, "db.t4g.micro").multi_az_usd_hour == 0.038
    assert catalogue.find("elasticache", REGION, "cache.t4g.micro").memory_mib == 512
    assert catalogue.find("ec2", REGION, "t4g.medium").as_of < "2026-11-01", "what was not read keeps its day"
    assert catalogue.find("ec2", REGION, "x9g.small") is None
    assert catalogue.find("ec2", "us-east-1", "t4g.small").as_of < "2026-11-01"
    after = monthly()["Balancer"]
    assert "ratio" in before.note and "ratio" not in after.note
    assert after.monthly_usd == pytest.approx((0.027 + 2 * 0.005) * 730)
    assert run(["prices", "show", "--region", REGION]) == 0
    assert "1 of 2026-11-01 (AWS Price List)" in capsys.readouterr().out


def test_without_network_one_sentence_and_the_dated_prices_hold_on(here, monkeypatch, capsys):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", f"http://127.0.0.1:{port}")
    before = catalogue.find("ec2", REGION, "t4g.small")
    assert run(["prices", "refresh", "--region", REGION]) == 3
    said = [line for line in capsys.readouterr().err.splitlines() if "…" not in line]
    assert len(said) == 2
    assert "the dated prices hold on" in said[0]
    assert catalogue.find("ec2", REGION, "t4g.small") == before
    assert not list(here.glob("prices/*"))


def test_an_identity_that_may_not_read_prices_is_told_which_right_it_lacks(server, capsys):
    server.refusal = "AccessDeniedException"
    assert run(["prices", "refresh", "--region", REGION]) == 3
    assert "pricing:GetProducts" in capsys.readouterr().err


def test_a_list_that_cannot_be_understood_changes_nothing(server, here, monkeypatch, capsys):
    monkeypatch.setitem(PRODUCTS, "AmazonEC2", [{**product("0.02", **T4G), "terms": {"OnDemand": {"a": {}}}}])
    assert run(["prices", "refresh", "--region", REGION]) == 1
    assert "cannot be understood" in capsys.readouterr().err
    assert not list(here.glob("prices/*"))


def test_a_damaged_file_says_what_to_do(here, capsys):
    refreshed.save(REGION, "2026-11-01", "x", {})
    (here / "prices" / f"{REGION}.json").write_text("{")
    assert run(["prices", "show", "--region", REGION]) == 1
    assert "Delete the file." in capsys.readouterr().err


def test_a_region_nobody_knows(here, capsys):
    assert run(["prices", "refresh", "--region", "mars-north-1"]) == 2
