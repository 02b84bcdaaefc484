-- A backtest's key: digest of what was asked, of the bars and of the engine.
-- The same key is the same result, so it is not computed twice.
-- step
ALTER TABLE trade_backtest
  ADD COLUMN IF NOT EXISTS key_digest BINARY(32) NULL AFTER data_digest,
  ADD KEY IF NOT EXISTS same (tenant_id, key_digest, id)
