"""Trainings of specialists: one (`training_job`), and those of all visitors in their order (`job_queue`). Nothing of
the page is in here.
"""
