"""What the lifecycle tells the outside world without knowing who listens."""

from django.dispatch import Signal

# Sent after the commit with `job_id`: the job has work to do now. Losing it costs a minute, not the job.
job_ready = Signal()
