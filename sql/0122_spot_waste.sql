-- Things that cost and are not used: a recommendation, never an act. A row that is ignored stays so until somebody says otherwise.
-- step
CREATE TABLE IF NOT EXISTS spot_waste (
  id           BINARY(16)   NOT NULL PRIMARY KEY,
  tenant_id    BINARY(16)   NOT NULL,
  account_id   BINARY(16)   NOT NULL,
  region       VARCHAR(32)  CHARACTER SET ascii NOT NULL,
  kind         ENUM('volume', 'snapshot', 'address', 'interface') NOT NULL,
  resource_id  VARCHAR(64)  CHARACTER SET ascii NOT NULL,
  name         VARCHAR(256) NOT NULL DEFAULT '',
  monthly_cost BIGINT       NOT NULL,
  days_unused  BIGINT       NOT NULL,
  reason       VARCHAR(500) NOT NULL,
  state        ENUM('detected', 'resolved') NOT NULL,
  ignored      TINYINT(1)   NOT NULL DEFAULT 0,
  ignored_by   VARCHAR(200) NOT NULL DEFAULT '',
  ignored_why  VARCHAR(500) NOT NULL DEFAULT '',
  ignored_at   DATETIME(6)  NULL,
  detected_at  DATETIME(6)  NOT NULL,
  seen_at      DATETIME(6)  NOT NULL,
  resolved_at  DATETIME(6)  NULL,
  UNIQUE KEY resource (account_id, region, kind, resource_id),
  KEY tenant (tenant_id, id),
  CONSTRAINT spot_waste_account FOREIGN KEY (account_id)
    REFERENCES spot_account (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
