-- Retention walks along an index, never through a whole table.
-- step
ALTER TABLE spot_scan ADD KEY IF NOT EXISTS created (created_at)
