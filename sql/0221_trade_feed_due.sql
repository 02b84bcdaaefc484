-- When a feed is going to speak next, and which one spoke last: silence before that is none.
-- step
ALTER TABLE trade_feed ADD COLUMN IF NOT EXISTS due_at DATETIME(6) NULL AFTER heard_at
-- step
ALTER TABLE trade_series ADD COLUMN IF NOT EXISTS source_id BINARY(16) NULL AFTER feed_id
