"""``code-delivery connect`` against a small worker: what is put, waited for and printed."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_connect import CHECKED, MONGODB, SINK, TRACE, FakeConnect, fake_connect
from typer.testing import CliRunner

from api.stores.elastic import ElasticHistory
from cli.kafka.connect_api import ConnectApi, ConnectError, in_short
from cli.kafka.connectors import FOLDER, Connector, filled, read_connectors, settings_values
from cli.kafka.part_settings import api_settings
from cli.main import app, main
from engine.errors import InvalidInput
from engine.messages import Topic

runner = CliRunner()


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeConnect]:
    monkeypatch.setenv("ELASTICSEARCH_URL", "http://127.0.0.1:9200")
    monkeypatch.setenv("MONGODB_URL", "mongodb://127.0.0.1:27017")
    monkeypatch.setattr("cli.kafka.connect_api.PAUSE_S", 0.0)
    monkeypatch.setattr("cli.kafka.connect_apply.PAUSE_S", 0.01)
    monkeypatch.setattr("cli.kafka.connect_apply.SETTLE_S", 0.05)
    with fake_connect() as fake:
        monkeypatch.setenv("CONNECT_URL", fake.url)
        yield fake


def _refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run the command as a person does; return what it said when it refused."""
    monkeypatch.setattr(sys, "argv", ["code-delivery", "connect", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    return " ".join(capsys.readouterr().err.split())


def _connector(folder: Path, name: str = "one", **config: object) -> None:
    (folder / f"{name}.json").write_text(json.dumps({"name": name, "config": {"connector.class": SINK, **config}}))


def test_apply_puts_the_shipped_connectors_and_waits_until_they_run(worker: FakeConnect) -> None:
    worker.looks, worker.rebalances = 6, 2
    done = runner.invoke(app, ["connect", "apply", "--no-templates", "--json"])
    assert done.exit_code == 0, done.output
    assert set(worker.connectors) == {"elasticsearch-sink", "mongodb-positions", "mongodb-events", "mongodb-requests"}
    assert all("${" not in value for config in worker.connectors.values() for value in config.values())
    [first, *_] = json.loads(done.stdout)["connectors"]
    assert (first["name"], first["running"], len(first["tasks"])) == ("elasticsearch-sink", True, 2)


def test_apply_again_changes_nothing(worker: FakeConnect) -> None:
    runner.invoke(app, ["connect", "apply", "--no-templates"])
    before = dict(worker.connectors)
    done = runner.invoke(app, ["connect", "apply", "--no-templates"])
    assert done.exit_code == 0
    assert "elasticsearch-sink was there" in done.output
    assert worker.connectors == before


def test_only_what_is_named_is_put(worker: FakeConnect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ELASTICSEARCH_URL")
    done = runner.invoke(app, ["connect", "apply", "--only", "mongodb-events", "--only", "mongodb-requests"])
    assert done.exit_code == 0, done.output
    assert set(worker.connectors) == {"mongodb-events", "mongodb-requests"}


def test_a_failed_task_is_started_again_once(worker: FakeConnect) -> None:
    worker.failing = {"mongodb-events": 1}
    assert runner.invoke(app, ["connect", "apply", "--only", "mongodb-events"]).exit_code == 0
    worker.failing = {"mongodb-events": 2}
    done = runner.invoke(app, ["connect", "apply", "--only", "mongodb-events", "--json"])
    assert done.exit_code == 1
    [found] = json.loads(done.stdout)["connectors"]
    assert found["tasks"][0]["trouble"].endswith("unrecoverable exception. <- java.net.ConnectException: nobody there")
    shown = runner.invoke(app, ["connect", "status"])
    assert shown.exit_code == 1
    assert "mongodb-events task 0: org.apache.kafka.connect" in shown.output


def test_a_worker_that_does_not_get_ready_is_not_waited_for_for_ever(worker: FakeConnect) -> None:
    worker.looks = 10_000
    done = runner.invoke(app, ["connect", "apply", "--only", "mongodb-events", "--wait", "0.1", "--json"])
    assert done.exit_code == 1
    assert json.loads(done.stdout)["connectors"][0]["state"] == "UNASSIGNED"


def test_delete_takes_out_what_the_folder_names(worker: FakeConnect) -> None:
    runner.invoke(app, ["connect", "apply", "--no-templates"])
    worker.connectors["somebody-elses"] = {}
    done = runner.invoke(app, ["connect", "delete", "--json"])
    assert json.loads(done.stdout) == {
        "deleted": ["elasticsearch-sink", "mongodb-events", "mongodb-positions", "mongodb-requests"]
    }
    assert set(worker.connectors) == {"somebody-elses"}
    assert json.loads(runner.invoke(app, ["connect", "delete", "--json"]).stdout) == {"deleted": []}


def test_a_worker_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = _refused(monkeypatch, capsys, "status", "--url", "http://127.0.0.1:1")
    assert "no Kafka Connect worker answers at http://127.0.0.1:1" in told
    assert "--url" in told


def test_a_missing_plugin_is_named_with_what_is_there(
    worker: FakeConnect, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    worker.plugins = [SINK, MONGODB]
    told = _refused(monkeypatch, capsys, "apply", "--only", "mongodb-events")
    assert f"lacks {CHECKED} for mongodb-events" in told
    assert f"It has: {SINK}, {MONGODB}" in told
    assert worker.connectors == {}


def test_what_validation_finds_is_told_with_key_and_value(
    worker: FakeConnect, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    worker.faults = {"index.period": "must be one of hour, day, month", "connection.api.key": "is no key"}
    monkeypatch.setenv("ELASTICSEARCH_API_KEY", "my-secret")
    told = _refused(monkeypatch, capsys, "apply", "--no-templates")
    assert "index.period = day: must be one of hour, day, month" in told
    assert "connection.api.key = (hidden): is no key" in told
    assert "my-secret" not in told
    assert worker.connectors == {}


def test_an_address_that_a_worker_refuses_is_shown_without_its_password(
    worker: FakeConnect, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    worker.faults = {"connection.url": "Invalid value http://u:my-secret@es.lan:9200 for configuration connection.url"}
    monkeypatch.setenv("ELASTICSEARCH_URL", "http://u:my-secret@es.lan:9200")
    told = _refused(monkeypatch, capsys, "apply", "--no-templates")
    assert (
        "connection.url = http://es.lan:9200: Invalid value http://es.lan:9200 for configuration connection.url" in told
    )
    assert "my-secret" not in told


def test_an_elasticsearch_that_is_away_is_told(worker: FakeConnect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELASTICSEARCH_URL", "http://127.0.0.1:1")
    defaults = ElasticHistory.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "open_s", 0.1)
    done = runner.invoke(app, ["connect", "apply", "--only", "elasticsearch-sink"])
    assert isinstance(done.exception, ConnectError)
    assert "the index templates cannot be put into Elasticsearch" in str(done.exception)


def test_a_question_that_a_worker_fails_to_answer_is_asked_again(worker: FakeConnect) -> None:
    worker.failures = 2
    assert ConnectApi(worker.url, sleep=lambda _: None).names() == []
    assert worker.asked == ["GET /connectors"] * 3
    worker.failures = 10_000
    with pytest.raises(ConnectError, match="500: Request timed out"):
        ConnectApi(worker.url, rebalance_s=0.05, sleep=lambda _: None).names()


def test_a_rebalance_without_an_end_is_an_error(worker: FakeConnect) -> None:
    worker.rebalances = 10_000
    api = ConnectApi(worker.url, rebalance_s=0.05, sleep=lambda _: None)
    with pytest.raises(ConnectError, match="409: Cannot complete request momentarily"):
        api.delete("x")
    api.close()


def test_a_setting_that_is_needed_is_named() -> None:
    connector = Connector(
        "c",
        {
            "connector.class": SINK,
            "connection.url": "${ELASTICSEARCH_URL}",
            "connection.api.key": "${ELASTICSEARCH_API_KEY}",
        },
    )
    with pytest.raises(InvalidInput, match=r"connector c needs ELASTICSEARCH_URL for connection\.url"):
        filled(connector, {})
    assert filled(connector, {"ELASTICSEARCH_URL": "http://a"}).config == {
        "connector.class": SINK,
        "connection.url": "http://a",
    }


def test_the_workers_own_references_are_left_to_it() -> None:
    connector = Connector(
        "c", {"connector.class": SINK, "connection.uri": "${env:MONGODB_URL}", "database": "x-${MONGODB_DATABASE}"}
    )
    assert filled(connector, {"MONGODB_DATABASE": "d"}).config["connection.uri"] == "${env:MONGODB_URL}"
    assert filled(connector, {"MONGODB_DATABASE": "d"}).config["database"] == "x-d"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "one.json: Expecting"),
        ("[]", 'expected {"name"'),
        ('{"name": "one", "config": {"connector.class": "a", "tasks.max": 2}}', "tasks.max: expected a text, found 2"),
    ],
)
def test_a_damaged_file_is_named(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text(text)
    with pytest.raises(InvalidInput) as refused:
        read_connectors(tmp_path)
    assert said in str(refused.value)


def test_a_connector_or_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    _connector(tmp_path)
    with pytest.raises(InvalidInput, match="has no connector two; there are: one"):
        read_connectors(tmp_path, ["two"])
    with pytest.raises(InvalidInput, match="no such folder"):
        read_connectors(tmp_path / "gone")


def test_the_shipped_connectors_read_the_contracts_topics_and_bury_what_is_malformed() -> None:
    for connector in read_connectors(FOLDER):
        assert {Topic(name) for name in connector.config["topics"].split(",")} <= {
            Topic.NEW_POSITION,
            Topic.DELIVERY_EVENT,
            Topic.NEW_DIRECTION,
        }
        assert connector.config["errors.deadletterqueue.topic.name"] == Topic.DEAD_LETTER
        assert connector.config["errors.deadletterqueue.context.headers.enable"] == "true"


def test_placeholders_are_the_apis_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONGODB_URL", "mongodb://user:word@h")
    values = settings_values(api_settings())
    assert (values["MONGODB_URL"], values["MONGODB_DATABASE"], values["ELASTICSEARCH_INDEX_PERIOD"]) == (
        "mongodb://user:word@h",
        "code_delivery",
        "day",
    )
    assert "ELASTICSEARCH_API_KEY" not in values
    monkeypatch.setenv("ELASTICSEARCH_INDEX_PERIOD", "week")
    with pytest.raises(InvalidInput, match="ELASTICSEARCH_INDEX_PERIOD"):
        api_settings()


def test_a_trace_is_told_in_short() -> None:
    assert in_short(TRACE) == (
        "org.apache.kafka.connect.errors.ConnectException: Exiting WorkerSinkTask due to unrecoverable exception."
        " <- java.net.ConnectException: nobody there"
    )
    assert in_short("") == ""


def test_the_readme_lists_every_setting_of_the_sink(repository: Path) -> None:
    source = (
        repository / "connect/elasticsearch-sink/src/main/java/codedelivery/connect/SinkSettings.java"
    ).read_text()
    settings = set(re.findall(r'static final String [A-Z_]+ = "([a-z.]+\.[a-z.]+)"', source))
    table = (
        (repository / "connect/README.md").read_text().partition("## The Elasticsearch sink")[2].partition("\n- ")[0]
    )
    listed = {
        name
        for row in table.splitlines()
        if row.startswith("| `")
        for name in re.findall(r"`([a-z.]+)`", row.split("|")[1])
    }
    assert listed == settings
    assert len(settings) == 14
