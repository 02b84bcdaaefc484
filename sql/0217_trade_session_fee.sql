-- The fee of a session's own paper market, where orders are weighed; NULL: it has none yet, the setting holds.
-- step
-- done-if: SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'trade_session' AND column_name = 'fee_ppm'
ALTER TABLE trade_session ADD COLUMN fee_ppm INT NULL
