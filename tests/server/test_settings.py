import socket
from pathlib import Path

import pytest

from stategate.server.cli import listen, listening
from stategate.server.settings import Settings, SettingsError, load


def test_defaults_are_for_a_laptop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load({}, {}) == Settings()
    assert Settings().url == "http://127.0.0.1:4566"


def test_command_line_beats_environment_beats_file(tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_text('port = 1\ndata_dir = "from-file"\nlog_level = "debug"\n')
    settings = load({"port": 3, "host": None}, {"STATEGATE_PORT": "2", "STATEGATE_LOG_LEVEL": "error"}, file)
    assert (settings.port, settings.log_level, settings.data_dir) == (3, "error", Path("from-file"))


def test_file_in_the_working_directory_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("stategate.toml").write_text("port = 4321\n")
    assert load({}, {}).port == 4321


@pytest.mark.parametrize(
    ("given", "environ", "toml", "expected"),
    [
        ({}, {"STATEGATE_PROT": "1"}, "", "STATEGATE_PROT is no setting"),
        ({}, {}, "prot = 1", "'prot' is no setting"),
        ({}, {}, "port = ", "not TOML"),
        ({}, {"STATEGATE_PORT": "many"}, "", "port (from the environment): expected a whole number, not 'many'"),
        ({"port": 70000}, {}, "", "port (from the command line): expected 0 to 65535, not 70000"),
        ({}, {}, "port = true", "expected a whole number, not True"),
        ({"auth": "lax"}, {}, "", "expected one of open, strict, not 'lax'"),
        ({"host": "0.0.0.0"}, {}, "", "anybody there would be root"),
        ({"host": "example.org"}, {}, "", "anybody there would be root"),
        ({"auth": "strict"}, {}, "", "strict needs root_access_key"),
        ({}, {"STATEGATE_PROT": "1"}, "", "did you mean port?"),
        ({}, {}, "colour = 1", "there are: host, port"),
        ({"host": " "}, {}, "", "host (from the command line): expected an address"),
        ({"root_access_key": "A"}, {}, "", "only --auth strict checks keys"),
        ({"s3_endpoint": "http://"}, {}, "", "s3_endpoint (from the command line): expected a URL"),
        ({"s3_access_key": "A", "s3_secret_key": "s"}, {}, "", "without s3_endpoint"),
        ({"aws_endpoints": "sqs"}, {}, "", "sqs: expected a URL"),
        ({"aws_endpoints": "=http://x"}, {}, "", "expected a service as integration URIs name it, such as sqs, not ''"),
        ({"aws_endpoints": "states=http://x"}, {}, "", "states is hosted here"),
        (
            {"s3_endpoint": "http://x:99999"},
            {},
            "",
            "expected a URL such as http://127.0.0.1:9000, not 'http://x:99999'",
        ),
        ({"aws_endpoints": "sqs=http://[x"}, {}, "", "sqs: expected a URL"),
        ({"aws_endpoints": "sqs=http://a,sqs=http://b"}, {}, "", "sqs is given twice"),
        ({"data_dir": ""}, {}, "", "data_dir (from the command line): expected a directory"),
        ({}, {"STATEGATE_DATA_DIR": ""}, "", "data_dir (from the environment): expected a directory"),
        ({"user_pools": "pool=http://x"}, {}, "", "expected a user pool's id"),
        ({}, {}, "[aws_endpoints]\nsqs = 1", "aws_endpoints (from "),
    ],
)
def test_what_is_wrong_is_said(
    given: dict[str, object], environ: dict[str, str], toml: str, expected: str, tmp_path: Path
) -> None:
    file = tmp_path / "s.toml"
    file.write_text(toml)
    with pytest.raises(SettingsError) as error:
        load(given, environ, file)
    assert expected in str(error.value)


def test_all_problems_are_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as error:
        load({"port": -1, "auth": "lax"}, {"STATEGATE_X": "1"}, tmp_path / "missing.toml")
    assert len(error.value.problems) == 4


def test_strict_may_bind_anything() -> None:
    settings = load({"host": "0.0.0.0", "auth": "strict", "root_access_key": "A", "root_secret_key": "s"}, {})
    assert settings.url == "http://127.0.0.1:4566"


class Ipv6(socket.socket):
    """What `localhost` may come to."""

    def getsockname(self) -> tuple[str, int, int, int]:
        return "::1", 4600, 0, 0


def test_the_url_has_the_address_that_is_listened_at() -> None:
    settings = Settings(host="localhost", port=0)
    with listen(settings) as listener:
        assert listening(settings, listener).port == listener.getsockname()[1] != 0
    with Ipv6() as listener:
        assert listening(settings, listener).url == "http://[::1]:4600"
