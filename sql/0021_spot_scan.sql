-- Scans of accounts, one shard per region and service. live is 1 while a scan
-- waits or runs, so that an account has at most one of each kind.
-- step
CREATE TABLE IF NOT EXISTS spot_scan (
  id           BINARY(16)   NOT NULL PRIMARY KEY,
  tenant_id    BINARY(16)   NOT NULL,
  account_id   BINARY(16)   NOT NULL,
  generation   BIGINT       NOT NULL,
  kind         ENUM('inventory', 'prices') NOT NULL,
  state        ENUM('queued', 'running', 'complete', 'partial', 'failed') NOT NULL,
  live         TINYINT      NULL,
  requested_by VARCHAR(100) NOT NULL DEFAULT '',
  holder       BINARY(16)   NULL,
  held_at      DATETIME(6)  NULL,
  wanted       INT          NOT NULL DEFAULT 0,
  done         INT          NOT NULL DEFAULT 0,
  coverage     DOUBLE       NOT NULL DEFAULT 0,
  instances    BIGINT       NOT NULL DEFAULT 0,
  added        BIGINT       NOT NULL DEFAULT 0,
  changed      BIGINT       NOT NULL DEFAULT 0,
  gone         BIGINT       NOT NULL DEFAULT 0,
  error        VARCHAR(500) NOT NULL DEFAULT '',
  started_at   DATETIME(6)  NULL,
  finished_at  DATETIME(6)  NULL,
  created_at   DATETIME(6)  NOT NULL,
  UNIQUE KEY one_live (account_id, kind, live),
  KEY tenant_account (tenant_id, account_id, id),
  KEY by_state (state, id),
  CONSTRAINT spot_scan_account FOREIGN KEY (account_id)
    REFERENCES spot_account (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS spot_scan_shard (
  scan_id    BINARY(16)   NOT NULL,
  region     VARCHAR(32)  CHARACTER SET ascii NOT NULL,
  service    VARCHAR(32)  CHARACTER SET ascii NOT NULL,
  state      ENUM('queued', 'running', 'complete', 'partial', 'denied', 'unreachable', 'skipped') NOT NULL,
  page_token TEXT         NULL,
  pages      INT          NOT NULL DEFAULT 0,
  items      BIGINT       NOT NULL DEFAULT 0,
  error_code VARCHAR(64)  NOT NULL DEFAULT '',
  error      VARCHAR(500) NOT NULL DEFAULT '',
  attempts   INT          NOT NULL DEFAULT 0,
  updated_at DATETIME(6)  NOT NULL,
  PRIMARY KEY (scan_id, region, service),
  CONSTRAINT spot_scan_shard_scan FOREIGN KEY (scan_id)
    REFERENCES spot_scan (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
