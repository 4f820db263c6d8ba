"""A command with a stack of its own obeys its settings, or refuses them before anything starts."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from cli.local.backing import LocalServices
from cli.local.folder import writable_folder
from cli.local.scenario_file import write_run
from cli.local.settings import UpSettings
from cli.local.stack import Stack
from cli.local.stack_settings import faults_of_stack, stack_settings
from cli.main import main
from engine.errors import InvalidInput
from engine.scenario.files import load_scenario

STORE = "of its own: unset it, or run python -m api and python -m actors, which obey it"
BROKER = f"is set, but this command starts a Kafka broker {STORE}"


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "KAFKA_BOOTSTRAP",
        "MONGODB_URL",
        "ELASTICSEARCH_URL",
        "API_HOST",
        "API_KEY",
        "SERVICES_DIR",
        "JOURNAL",
        "PROFILE",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    "command", [["up"], ["run", "brasilia"], ["loadtest", "rush-hour"], ["loadtest", "rush-hour", "--find-capacity"]]
)
@pytest.mark.parametrize("profile", ["embedded", "services"])
@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("KAFKA_BOOTSTRAP", "u:s3cret@broker:9092", f"KAFKA_BOOTSTRAP {BROKER}"),
        ("KAFKA_SECURITY_PROTOCOL", "ssl", f"KAFKA_SECURITY_PROTOCOL {BROKER}"),
        ("KAFKA_SASL_PASSWORD", "s3cret", f"KAFKA_SASL_PASSWORD {BROKER}"),
        (
            "MONGODB_URL",
            "mongodb://u:s3cret@db:27017",
            f"MONGODB_URL is set, but this command brings a state store {STORE}",
        ),
        (
            "ELASTICSEARCH_URL",
            "http://u:s3cret@es:9200",
            f"ELASTICSEARCH_URL is set, but this command brings a history store {STORE}",
        ),
        ("API_ROLES", "rest,live", "API_ROLES is set, but this command starts one API with every part"),
        (
            "API_HOST",
            "10.0.0.7",
            "API_HOST must be one of 127.0.0.1, localhost, 0.0.0.0 for this command, found 10.0.0.7",
        ),
        ("API_HOST", "0.0.0.0", "API_HOST is 0.0.0.0, which others can reach: set API_KEY, or keep to 127.0.0.1"),
        ("TICK_MS", "1", "TICK_MS: Input should be greater than or equal to 5, found '1'"),
    ],
)
def test_what_a_stack_of_its_own_cannot_obey_is_refused_before_it_starts(
    command: list[str],
    profile: str,
    name: str,
    value: str,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for variable, setting in {name: value, "PROFILE": profile, "DATA_DIR": str(tmp_path / "data")}.items():
        monkeypatch.setenv(variable, setting)
    monkeypatch.setattr(sys, "argv", ["code-delivery", *command])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().err
    assert (ended.value.code, said.count("\n")) == (2, 1)
    assert f"error: {told}" in said
    assert "s3cret" not in said
    assert not (tmp_path / "data").exists()


def test_what_is_as_the_stack_has_it_or_is_handed_on_is_no_fault() -> None:
    handed_on = {
        "API_KEY": "a-long-key",
        "MONGODB_POSITIONS": "all",
        "KAFKA_ACKS": "1",
        "KAFKA_CLIENT_ID": "me",
        "RAY_ADDRESS": "10.0.0.7:6379",
    }
    own = {
        "KAFKA_SECURITY_PROTOCOL": "plaintext",
        "API_ROLES": "history, state,live,rest",
        "API_HOST": "127.0.0.1",
        "KAFKA_BOOTSTRAP": "",
        "MONGODB_URL": " ",
    }
    assert list(faults_of_stack(UpSettings(), handed_on | own)) == []


def test_addresses_of_local_services_that_run_are_what_the_stack_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "cli.local.services.Services.environment",
        lambda _: {"KAFKA_BOOTSTRAP": "127.0.0.1:9092", "MONGODB_URL": "mongodb://127.0.0.1:27017"},
    )
    settings = UpSettings(profile="services")
    assert (
        list(
            faults_of_stack(
                settings, {"KAFKA_BOOTSTRAP": "127.0.0.1:9092", "MONGODB_URL": "mongodb://127.0.0.1:27017/"}
            )
        )
        == []
    )
    assert [fault.partition(" ")[0] for fault in faults_of_stack(settings, {"KAFKA_BOOTSTRAP": "127.0.0.1:9093"})] == [
        "KAFKA_BOOTSTRAP"
    ]


def test_a_journal_on_a_topic_needs_a_broker_that_keeps_it() -> None:
    [fault] = faults_of_stack(UpSettings(), {"JOURNAL": "topic"})
    assert (
        fault
        == "JOURNAL is topic, but the embedded broker keeps no topic beyond its run: unset it, or set PROFILE=services"
    )
    assert list(faults_of_stack(UpSettings(), {"JOURNAL": "file"})) == []
    assert [
        list(faults_of_stack(UpSettings(profile="services"), {"JOURNAL": journal})) for journal in ("topic", "file")
    ] == [[], []]


def test_the_api_is_served_where_api_host_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environments = []

    class Part:
        def __init__(
            self, name: str, module: str, arguments: list[str], environment: dict[str, str], log: Path
        ) -> None:
            environments.append(environment)
            raise InterruptedError

    monkeypatch.setattr("cli.local.stack.Child", Part)
    monkeypatch.setattr("cli.local.stack.check_port_is_free", lambda _: None)
    for name, value in {"API_HOST": "0.0.0.0", "API_KEY": "a-long-key"}.items():
        monkeypatch.setenv(name, value)
    stack = Stack(stack_settings(data_dir=tmp_path), load_scenario("liechtenstein"), tmp_path / "scenario.toml", "r")
    monkeypatch.setattr(stack.backing, "start", lambda _: {"KAFKA_BOOTSTRAP": "127.0.0.1:1"})
    with pytest.raises(InterruptedError):
        stack.start(lambda _: None, None)  # type: ignore[arg-type]  # it does not come so far
    assert [environment["API_HOST"] for environment in environments] == ["0.0.0.0"]


def test_local_services_lie_in_services_dir_or_else_in_the_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert UpSettings(data_dir=tmp_path).services_folder == tmp_path / "services"
    monkeypatch.setenv("SERVICES_DIR", str(tmp_path / "shared"))
    stack = Stack(
        stack_settings(data_dir=tmp_path, profile="services"),
        load_scenario("liechtenstein"),
        tmp_path / "scenario.toml",
        "r",
    )
    assert isinstance(stack.backing, LocalServices)
    assert stack.backing.folder == tmp_path / "shared"


def test_a_folder_that_takes_no_file_is_refused_with_its_setting(tmp_path: Path) -> None:
    assert writable_folder(tmp_path / "a" / "b", "DATA_DIR") == tmp_path / "a" / "b"
    assert (list((tmp_path / "a").iterdir()), list((tmp_path / "a" / "b").iterdir())) == ([tmp_path / "a" / "b"], [])
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match=f"^DATA_DIR: {tmp_path}/file is a file; name a folder$"):
        writable_folder(tmp_path / "file", "DATA_DIR")
    with pytest.raises(
        InvalidInput,
        match=f"^DATA_DIR: {tmp_path}/file/x cannot be written to \\(Not a directory\\); name another folder$",
    ):
        writable_folder(tmp_path / "file" / "x", "DATA_DIR")
    with pytest.raises(InvalidInput, match=r"^DATA_DIR: /proc/none cannot be written to \(No such file or directory\)"):
        writable_folder(Path("/proc/none"), "DATA_DIR")


@pytest.mark.parametrize(
    "command", [["up", "--scenario", "brasilia"], ["run", "brasilia", "--duration", "1"], ["loadtest", "rush-hour"]]
)
@pytest.mark.parametrize("place", ["file", "file/below", "/proc/none"])
def test_a_data_folder_that_cannot_be_is_refused_before_anything_starts(
    command: list[str], place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(sys, "argv", ["code-delivery", *command, "--data-dir", str(tmp_path / place)])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().err
    assert (ended.value.code, said.count("\n")) == (2, 1)
    assert f"error: DATA_DIR: {tmp_path / place} " in said


@pytest.mark.parametrize(
    ("command", "name", "value", "told"),
    [
        (
            ["services", "up"],
            "SERVICES_DIR",
            "/proc/none",
            "SERVICES_DIR: /proc/none cannot be written to (No such file or directory)",
        ),
        (["doctor"], "API_KEY", "short", "API_KEY: "),
        (["doctor"], "MONGODB_URL", "s3cret@db", "MONGODB_URL: MONGODB_URL must begin with mongodb://"),
        (
            ["topics", "apply"],
            "KAFKA_SASL_PASSWORD",
            "s3cret",
            "KAFKA_SASL_PASSWORD is set and KAFKA_SECURITY_PROTOCOL is plaintext",
        ),
    ],
)
def test_a_wrong_setting_of_a_part_is_one_line_from_a_command_that_only_asks(
    command: list[str],
    name: str,
    value: str,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["code-delivery", *command])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().err
    assert (ended.value.code, said.count("\n"), "s3cret" in said) == (2, 1, False)
    assert f"error: {told}" in said


def test_folders_within_the_data_folder_are_looked_at_too(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("")
    with pytest.raises(InvalidInput, match=f"^DATA_DIR: {tmp_path}/logs is a file"):
        write_run(load_scenario("brasilia"), tmp_path)
