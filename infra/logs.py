"""The log of the service: JSON lines on stderr, in which no text can forge another line."""

import logging
import sys

import structlog

__all__ = ["configure"]


def configure(level: int = logging.INFO) -> None:
    """Log from now on as JSON lines on stderr, from `level` up.

    What other libraries log comes as JSON lines too, from warnings up.
    """
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(ensure_ascii=False)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,  # else one that was used before would keep its old stream
    )
    foreign = logging.StreamHandler(sys.stderr)
    foreign.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [foreign]
    root.setLevel(logging.WARNING)
    # What its client goes through while brokers are away is said once, by whoever needs them.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
