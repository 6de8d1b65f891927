"""The life of a job: every verb, and the only place that changes a job's state.

Admin buttons, JSON views, commands and scheduled tasks call these functions and nothing below them.
"""

from jobs.lifecycle.advance import Step, advance
from jobs.lifecycle.cancel import cancel
from jobs.lifecycle.common import (
    Actor,
    BadOrder,
    Conflict,
    JobNotFound,
    LifecycleError,
    NothingToDo,
    Unavailable,
)
from jobs.lifecycle.create import Created, NewJob, Plan, create, plan
from jobs.lifecycle.pause import pause, resume
from jobs.lifecycle.realtime import RealtimeResult, process_now
from jobs.lifecycle.reset import reset
from jobs.lifecycle.retry import retry
from jobs.lifecycle.sweep import sweep

__all__ = [
    "Actor",
    "BadOrder",
    "Conflict",
    "Created",
    "JobNotFound",
    "LifecycleError",
    "NewJob",
    "NothingToDo",
    "Plan",
    "RealtimeResult",
    "Step",
    "Unavailable",
    "advance",
    "cancel",
    "create",
    "pause",
    "plan",
    "process_now",
    "reset",
    "resume",
    "retry",
    "sweep",
]
