from __future__ import annotations

import logging
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.errors import MissingError, RegistryError
from podium.registry import quiet
from podium.registry.connection import Connection

letters = st.text("abcdefghijkXYZ0123456789!$&*+,;=~_.-:@%/?#'\"", min_size=4, max_size=30)


@given(letters, st.sampled_from(["postgresql+psycopg", "mysql+pymysql", "http", "s3"]))
def test_no_password_of_an_address_is_left(password, scheme):
    """Whatever is in a password, the masked text holds the user and the host, and stars between them."""
    text = f"cannot reach {scheme}://me:{password}@db.example.com:5432/mlflow today"
    assert quiet.mask(text) == f"cannot reach {scheme}://me:***@db.example.com:5432/mlflow today"


@given(letters, st.sampled_from(["postgresql+psycopg", "mysql+pymysql", "http", "s3"]))
def test_every_password_of_an_address_is_known_by_itself(password, scheme):
    """A library that quotes only the password of the setting, without the address around it, does not give it away."""
    secrets = quiet.secrets_of(f"{scheme}://me:{password}@db.example.com/mlflow")
    assert password in secrets
    assert quiet.mask(f"refused: {password}", secrets) == "refused: ***"


@pytest.mark.parametrize("name", ["password", "sslpassword", "PASSWD", "token", "api_token", "secret_key"])
def test_secret_parameters_are_masked(name):
    """What stands behind such a name in an address goes, wherever the name begins and ends."""
    address = f"postgresql://me@db/mlflow?a=1&{name}=hunter99&b=2"
    assert quiet.mask(address) == f"postgresql://me@db/mlflow?a=1&{name}=***&b=2"
    assert "hunter99" in quiet.secrets_of(address)


def test_a_known_secret_is_masked_wherever_it_stands(monkeypatch):
    """The password of a setting, as written or decoded, and those in the environment, go without any address around."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "labsecret")
    secrets = quiet.secrets_of("postgresql://me:a%2Fb%40c@db/mlflow", None)
    text = quiet.mask("login with a%2Fb%40c, a/b@c or labsecret; ?password=other&x=1", secrets)
    assert text == "login with ***, *** or ***; ?password=***&x=1"


def test_addresses_without_passwords_are_left_alone():
    """Nothing is starred where there is nothing to hide."""
    for text in (
        "sqlite:///mlflow.db",
        "models:/EURUSD_LSTM@champion",
        "http://mlflow.example.com:5000",
        "at 9:30 a@b",
    ):
        assert quiet.mask(text) == text


def test_foreign_errors_become_one_masked_line():
    """What MLflow raises comes out short, without the password, and without the original hanging on to it."""
    from mlflow.exceptions import MlflowException

    address = "postgresql://me:s3cretword@db/mlflow"
    with pytest.raises(RegistryError) as caught, quiet.plain_errors("open", address, quiet.secrets_of(address)):
        raise MlflowException(f"(psycopg.OperationalError) refused: {address}\n(Background on this error)")
    assert str(caught.value) == ("cannot open at postgresql://me:***@db/mlflow: refused: postgresql://me:***@db/mlflow")
    assert caught.value.__suppress_context__


def test_own_errors_and_defects_pass_unchanged():
    """Only what comes from below is translated: Podium's own words and programming errors stay what they are."""
    for error in (MissingError("run `podium evaluate`"), TypeError("a defect")):
        with pytest.raises(type(error)) as caught, quiet.plain_errors("open", "sqlite:///x", frozenset()):
            raise error
        assert caught.value is error


def test_log_lines_are_masked(caplog):
    """A retry that MLflow logs does not print the address with its password."""
    logger = logging.getLogger("mlflow.test")
    record = logger.makeRecord("mlflow.test", logging.WARNING, "f", 1, "retry %s", ("mysql://a:secretword@h/d",), None)
    assert quiet.MaskingFilter(frozenset()).filter(record)
    assert record.getMessage() == "retry mysql://a:***@h/d"


def test_settings_of_the_user_win(monkeypatch, settings):
    """MLflow is silent at work unless the user has said something else; afterwards the environment is as it was."""
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "false")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "true")
    before = dict(os.environ)
    with Connection(settings).errors("look"):
        assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "false"
        assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "1"
        assert os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] == "true"
    assert dict(os.environ) == before
