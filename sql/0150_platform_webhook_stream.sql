-- A subscription may follow the installation's own stream (alerts, errors, breakers) instead of its tenant's.
-- step
-- done-if: SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'platform_webhook' AND column_name = 'stream'
ALTER TABLE platform_webhook ADD COLUMN stream VARCHAR(12) CHARACTER SET ascii NOT NULL DEFAULT 'tenant' AFTER url
