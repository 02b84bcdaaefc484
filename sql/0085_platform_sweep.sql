-- Retention walks along an index, never through a whole table.
-- step
ALTER TABLE platform_decision ADD KEY IF NOT EXISTS created (created_at)
-- step
ALTER TABLE platform_approval ADD KEY IF NOT EXISTS created (created_at)
-- step
ALTER TABLE jobs_fire ADD KEY IF NOT EXISTS at (at)
-- step
ALTER TABLE events_dead ADD KEY IF NOT EXISTS set_aside (set_aside)
