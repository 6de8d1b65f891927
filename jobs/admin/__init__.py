"""The jobs' rooms in the admin: jobs and their pages, batches, money, prompts, models and prices."""

from jobs.admin import batches, job_list, models_and_prices, prompts

__all__ = ["batches", "job_list", "models_and_prices", "prompts"]
