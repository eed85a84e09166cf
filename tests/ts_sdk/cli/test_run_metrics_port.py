"""`mar run --metrics-port`: metrics can be scraped while inputs are answered."""

import socket

import pytest
from prometheus_client.parser import text_string_to_metric_families

HANDLER = """
import urllib.request


def handle(data, context):
    if data is None:
        return None
    context.metrics.counter("scrapes_total").inc(len(data))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return [opener.open(row["body"], timeout=30).read().decode() for row in data]
"""


@pytest.fixture
def scraper(tmp_path):
    folder = tmp_path / "scraper"
    folder.mkdir()
    (folder / "handler.py").write_text(HANDLER)
    return folder


@pytest.fixture
def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_the_model_and_the_machine_are_served(mar, scraper, free_port, tmp_path):
    url, scraped = f"http://127.0.0.1:{free_port}/metrics", tmp_path / "scraped.txt"
    ran = mar("run", scraper, "--metrics-port", free_port, "--body", f'"{url}"', "-o", scraped)
    assert ran.code == 0
    found = {
        sample.name: sample.value
        for family in text_string_to_metric_families(scraped.read_text())
        for sample in family.samples
    }
    assert found["scrapes_total"] == 1
    assert found["Requests2XX"] == 0
    assert found["MemoryAvailable"] > 0
    assert f"mar: metrics at {url}" in ran.err
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", free_port), timeout=30)


def test_any_free_port_will_do(mar, doubler):
    ran = mar("run", doubler, "--metrics-port", 0, "--body", '{"x": 2}')
    assert ran.code == 0
    assert "mar: metrics at http://127.0.0.1:" in ran.err
    assert ":0/metrics" not in ran.err


def test_a_port_that_is_taken_is_told(mar, doubler):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        ran = mar("run", doubler, "--metrics-port", port, "--body", '{"x": 2}')
    assert ran.code == 2
    assert f"--metrics-port {port}: Address already in use" in ran.err


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_what_is_no_port_is_refused(mar, doubler, port):
    ran = mar("run", doubler, f"--metrics-port={port}", "--body", '{"x": 2}')
    assert ran.code == 2
    assert f"'{port}' is no port" in ran.err
