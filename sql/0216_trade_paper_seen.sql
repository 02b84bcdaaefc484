-- What the paper market last saw of its session's open orders: how many, and the sum of their versions.
-- step
-- done-if: SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'trade_paper' AND column_name = 'seen_orders'
ALTER TABLE trade_paper
  ADD COLUMN seen_orders   INT    NOT NULL DEFAULT -1,
  ADD COLUMN seen_versions BIGINT NOT NULL DEFAULT 0
