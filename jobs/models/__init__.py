"""The tables of the work: jobs and their ledger, money and prices, prompts and their trials."""

from jobs.models.money import GeminiModel, PaidCall, Price, Spending
from jobs.models.prompts import PromptTrial, PromptVersion, TrialPage, TrialState
from jobs.models.work import (
    ENDED,
    LIVE,
    OPEN_STATES,
    BatchPreparation,
    GeminiBatch,
    GeminiBatchQuerySet,
    Heartbeat,
    Job,
    JobEvent,
    JobPage,
    JobPageQuerySet,
    JobQuerySet,
    PageState,
    Phase,
    Stage,
    Status,
)

__all__ = [
    "ENDED",
    "LIVE",
    "OPEN_STATES",
    "BatchPreparation",
    "GeminiBatch",
    "GeminiBatchQuerySet",
    "GeminiModel",
    "Heartbeat",
    "Job",
    "JobEvent",
    "JobPage",
    "JobPageQuerySet",
    "JobQuerySet",
    "PageState",
    "PaidCall",
    "Phase",
    "Price",
    "PromptTrial",
    "PromptVersion",
    "Spending",
    "Stage",
    "Status",
    "TrialPage",
    "TrialState",
]
