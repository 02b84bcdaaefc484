-- What brokers answered is swept by its age.
-- step
ALTER TABLE trade_broker_answer ADD INDEX IF NOT EXISTS heard (heard_at)
