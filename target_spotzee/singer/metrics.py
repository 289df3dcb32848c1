"""The SDK's METRIC lines for requests."""

from __future__ import annotations

from singer_sdk import metrics

from target_spotzee.objects.kinds import Kind
from target_spotzee.outcome.summary import Requests


def log_requests(requests: Requests, kind: Kind) -> None:
    """Log what went over the wire, once: a line a request would drown the rest."""
    seconds = requests.mean_ms() / 1000
    logger = metrics.get_metrics_logger()
    for point, metric, value in (
        ("counter", metrics.Metric.HTTP_REQUEST_COUNT, requests.sent),
        ("timer", metrics.Metric.HTTP_REQUEST_DURATION, seconds),
        ("timer", metrics.Metric.BATCH_PROCESSING_TIME, seconds),
    ):
        metrics.log(logger, metrics.Point(point, metric, value, {"endpoint": kind.path}))
