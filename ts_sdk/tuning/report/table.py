"""``ab_report.csv``: the columns of TorchServe's benchmark suite, then ours."""

import csv
import io
from collections.abc import Mapping

from ts_sdk.tuning.measurement import Measurement
from ts_sdk.tuning.report import TuningReport
from ts_sdk.tuning.space import Candidate

TORCHSERVE_COLUMNS = (
    "Benchmark",
    "Batch size",
    "Batch delay",
    "Workers",
    "Model",
    "Concurrency",
    "Input",
    "Requests",
    "TS failed requests",
    "TS throughput",
    "TS latency P50",
    "TS latency P90",
    "TS latency P99",
    "TS latency mean",
    "TS error rate",
    "Model_p50",
    "Model_p90",
    "Model_p99",
    "predict_mean",
    "handler_time_mean",
    "waiting_time_mean",
    "worker_thread_mean",
    "cpu_percentage_mean",
    "memory_percentage_mean",
    "gpu_percentage_mean",
    "gpu_memory_percentage_mean",
    "gpu_memory_used_mean",
)
OWN_COLUMNS = (
    "Load",
    "Arrivals",
    "Device",
    "Precision",
    "Form",
    "Fast decode",
    "Threads",
    "latency P10",
    "latency P95",
    "preprocess_mean",
    "inference_mean",
    "postprocess_mean",
    "Batch fill",
    "Noise",
    "Memory used",
    "Answers differ by",
    "Meets target",
)


def csv_text(report: TuningReport) -> str:
    """The table of all measurements: closed loops, the best first, then open ones.

    Latencies and durations are in milliseconds, throughputs in requests a second, memory in MiB.
    What was not measured is empty.
    """
    file = io.StringIO()
    writer = csv.DictWriter(file, [*TORCHSERVE_COLUMNS, *OWN_COLUMNS], lineterminator="\n")
    writer.writeheader()
    for candidate in report.ordered:
        writer.writerow(_row(report, candidate, report.measured[candidate]))
    for measured in report.arrivals:
        if report.best is not None:
            writer.writerow(_row(report, report.best, measured))
    return file.getvalue()


def _row(report: TuningReport, candidate: Candidate, measured: Measurement) -> dict[str, str]:
    return {**_suite_cells(report, candidate, measured), **_own_cells(report, candidate, measured)}


def _suite_cells(
    report: TuningReport, candidate: Candidate, measured: Measurement
) -> dict[str, str]:
    seen, model_ms = measured.resources, measured.model_ms
    worked = [ms for name, ms in measured.phases_ms.items() if name != "queue"]
    closed = measured.load == "closed"
    return {
        "Benchmark": "mar tune",
        "Batch size": str(candidate.batch_size),
        "Batch delay": str(candidate.max_batch_delay_ms),
        "Workers": str(candidate.workers),
        "Model": report.name,
        "Concurrency": str(candidate.concurrency) if closed else "",
        "Input": f"{report.inputs} inputs",
        "Requests": str(measured.requests),
        "TS failed requests": str(measured.failed + measured.unanswered),
        "TS throughput": _number(measured.throughput_rps),
        "TS latency P50": _quantile(measured, 50),
        "TS latency P90": _quantile(measured, 90),
        "TS latency P99": _quantile(measured, 99),
        "TS latency mean": _number(measured.mean_ms) if measured.answered else "",
        "TS error rate": _number(100 * measured.error_rate),
        "Model_p50": _of(model_ms, "p50"),
        "Model_p90": _of(model_ms, "p90"),
        "Model_p99": _of(model_ms, "p99"),
        "predict_mean": _of(model_ms, "mean"),
        "handler_time_mean": _number(sum(worked)) if worked else "",
        "waiting_time_mean": _or_nothing(measured.waiting_ms),
        "worker_thread_mean": _or_nothing(measured.worker_ms),
        "cpu_percentage_mean": _of(seen, "cpu_percent"),
        "memory_percentage_mean": _of(seen, "memory_percent"),
        "gpu_percentage_mean": _of(seen, "gpu_percent"),
        "gpu_memory_percentage_mean": _of(seen, "gpu_memory_percent"),
        "gpu_memory_used_mean": _of(seen, "gpu_memory_mb"),
    }


def _own_cells(report: TuningReport, candidate: Candidate, measured: Measurement) -> dict[str, str]:
    phases = measured.phases_ms
    difference = report.differences.get(candidate.variant)
    return {
        "Load": measured.load,
        "Arrivals": _or_nothing(measured.rate_rps),
        "Device": candidate.device,
        "Precision": candidate.precision,
        "Form": str(candidate.form),
        "Fast decode": str(candidate.fast_decode).lower(),
        "Threads": "" if candidate.threads is None else str(candidate.threads),
        "latency P10": _quantile(measured, 10),
        "latency P95": _quantile(measured, 95),
        "preprocess_mean": _of(phases, "preprocess"),
        "inference_mean": _of(phases, "inference"),
        "postprocess_mean": _of(phases, "postprocess"),
        "Batch fill": _or_nothing(measured.batch_fill),
        "Noise": _number(measured.noise),
        "Memory used": _of(measured.resources, "memory_mb"),
        "Answers differ by": _or_nothing(difference),
        "Meets target": str(report.objective.is_met(measured)).lower(),
    }


def _quantile(measured: Measurement, percent: int) -> str:
    return _number(measured.quantile_ms(percent)) if measured.quantiles_ms else ""


def _of(values: Mapping[str, float], name: str) -> str:
    return _number(values[name]) if name in values else ""


def _or_nothing(value: float | None) -> str:
    return "" if value is None else _number(value)


def _number(value: float) -> str:
    return f"{value:.6g}"
