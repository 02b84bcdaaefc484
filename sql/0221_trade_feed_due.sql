-- When a feed is going to speak next, and which one spoke last: silence before that is none.
-- step
ALTER TABLE trade_feed ADD COLUMN IF NOT EXISTS due_at DATETIME(6) NULL AFTER heard_at
-- step
ALTER TABLE trade_series ADD COLUMN IF NOT EXISTS source_id BINARY(16) NULL AFTER feed_id
-- Which bars are being formed (a bit for each timeframe): after a restart they are closed even if no tick comes any more.
-- step
ALTER TABLE trade_series ADD COLUMN IF NOT EXISTS forming INT NOT NULL DEFAULT 0
