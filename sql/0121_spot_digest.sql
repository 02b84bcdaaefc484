-- What the work after a scan found: the numbers behind the gauges, and the health it saw.
-- step
CREATE TABLE IF NOT EXISTS spot_digest (
  account_id   BINARY(16)  NOT NULL PRIMARY KEY,
  tenant_id    BINARY(16)  NOT NULL,
  scan_id      BINARY(16)  NOT NULL,
  nodes        BIGINT      NOT NULL,
  running      BIGINT      NOT NULL,
  spot         BIGINT      NOT NULL,
  stale        BIGINT      NOT NULL,
  authorized   BIGINT      NOT NULL,
  unauthorized BIGINT      NOT NULL,
  flagged      BIGINT      NOT NULL,
  groups_n     BIGINT      NOT NULL,
  assets       BIGINT      NOT NULL,
  hourly_cost  BIGINT      NOT NULL,
  hourly_savings BIGINT    NOT NULL,
  waste_items  BIGINT      NOT NULL,
  waste_monthly BIGINT     NOT NULL,
  coverage     DOUBLE      NOT NULL,
  health       VARCHAR(16) CHARACTER SET ascii NOT NULL,
  health_detail VARCHAR(200) NOT NULL DEFAULT '',
  at           DATETIME(6) NOT NULL,
  KEY tenant (tenant_id),
  CONSTRAINT spot_digest_account FOREIGN KEY (account_id)
    REFERENCES spot_account (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
