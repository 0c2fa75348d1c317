"""Jobs that a site's own code puts off until later, and schedules by which the clock starts some."""

from backstay.jobs.arguments import ArgumentError, JobTooLarge
from backstay.jobs.job import Cron, Job, NotOpen
from backstay.jobs.jobs import Jobs
from backstay.jobs.schedules import Schedule, Schedules
from backstay.outbox import GiveUp, Queued

__all__ = [
    "ArgumentError",
    "Cron",
    "GiveUp",
    "Job",
    "JobTooLarge",
    "Jobs",
    "NotOpen",
    "Queued",
    "Schedule",
    "Schedules",
]
