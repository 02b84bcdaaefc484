-- No statement looks orders up by these; each order wrote them.
-- step
ALTER TABLE trade_order DROP KEY IF EXISTS resting, DROP KEY IF EXISTS ends
