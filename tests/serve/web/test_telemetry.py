from podium.serve.web.telemetry import Telemetry


def test_what_is_gone_is_not_read_as_a_perfect_value() -> None:
    """An arm that nobody holds has no error (NaN, Prometheus's word for absent), and no model in service (0)."""
    telemetry = Telemetry()
    arm, model = ("EURUSD", "candidate"), ("EURUSD", "candidate", "EURUSD_LSTM", "1")
    telemetry.show("live_rmse", {arm: 0.005})
    telemetry.show("model_info", {model: 1.0})
    telemetry.show("live_rmse", {})
    telemetry.show("model_info", {})
    text = telemetry.render().decode()
    assert 'podium_live_rmse{arm="candidate",pair="EURUSD"} NaN' in text
    assert 'podium_model_info{arm="candidate",model="EURUSD_LSTM",pair="EURUSD",version="1"} 0.0' in text
