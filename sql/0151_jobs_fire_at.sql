-- The nominal time of a job that a schedule made: its handler works for that time, not for the moment it happens to run.
-- step
-- done-if: SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'jobs_job' AND column_name = 'fire_at'
ALTER TABLE jobs_job ADD COLUMN fire_at DATETIME(6) NULL
