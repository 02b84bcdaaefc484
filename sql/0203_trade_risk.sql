-- A session's row counts its changes: who writes it says which one he read, so that two nodes of a cluster cannot both reserve.
-- step
-- done-if: SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'trade_session' AND column_name = 'version'
ALTER TABLE trade_session ADD COLUMN version BIGINT NOT NULL DEFAULT 0
-- step
-- done-if: SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'trade_order' AND column_name = 'display'
ALTER TABLE trade_order ADD COLUMN display DECIMAL(20,8) NOT NULL DEFAULT 0
-- What the check of the books found wrong, one row per session and rule; over when it is right again.
-- step
CREATE TABLE IF NOT EXISTS trade_book_fault (
  session_id BINARY(16)   NOT NULL,
  rule       VARCHAR(32)  CHARACTER SET ascii NOT NULL,
  subject    VARCHAR(64)  CHARACTER SET ascii NOT NULL,
  tenant_id  BINARY(16)   NOT NULL,
  detail     VARCHAR(300) NOT NULL,
  found_at   DATETIME(6)  NOT NULL,
  seen_at    DATETIME(6)  NOT NULL,
  over_at    DATETIME(6)  NULL,
  PRIMARY KEY (session_id, rule, subject),
  KEY open (over_at, tenant_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
