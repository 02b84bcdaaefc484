-- When a fill was, by the clock of a market that is replayed: where a chart shows it.
-- step
-- done-if: SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'trade_fill' AND column_name = 'market_at'
ALTER TABLE trade_fill ADD COLUMN market_at DATETIME(6) NULL
