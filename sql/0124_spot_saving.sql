-- Observed running time and the savings made of it. Money here is in micro-USD. A ledger row outlives its account: it is the proof.
-- step
CREATE TABLE IF NOT EXISTS spot_uptime (
  account_id    BINARY(16)  NOT NULL,
  instance_id   VARCHAR(64) CHARACTER SET ascii NOT NULL,
  hour          DATETIME(6) NOT NULL,
  tenant_id     BINARY(16)  NOT NULL,
  region        VARCHAR(32) CHARACTER SET ascii NOT NULL,
  az            VARCHAR(64) CHARACTER SET ascii NOT NULL,
  instance_type VARCHAR(64) CHARACTER SET ascii NOT NULL,
  lifecycle     VARCHAR(32) CHARACTER SET ascii NOT NULL,
  product       VARCHAR(128) NOT NULL,
  seconds       INT         NOT NULL,
  dirty         TINYINT(1)  NOT NULL,
  PRIMARY KEY (account_id, instance_id, hour),
  KEY dirty (dirty, hour),
  KEY hour (hour, account_id, instance_id),
  CONSTRAINT spot_uptime_account FOREIGN KEY (account_id)
    REFERENCES spot_account (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS spot_saving (
  account_id    BINARY(16)  NOT NULL,
  instance_id   VARCHAR(64) CHARACTER SET ascii NOT NULL,
  hour          DATETIME(6) NOT NULL,
  tenant_id     BINARY(16)  NOT NULL,
  region        VARCHAR(32) CHARACTER SET ascii NOT NULL,
  az            VARCHAR(64) CHARACTER SET ascii NOT NULL,
  instance_type VARCHAR(64) CHARACTER SET ascii NOT NULL,
  lifecycle     VARCHAR(32) CHARACTER SET ascii NOT NULL,
  seconds       INT         NOT NULL,
  actual_micro  BIGINT      NOT NULL,
  counterfactual_micro BIGINT NOT NULL,
  priced        TINYINT(1)  NOT NULL,
  basis         VARCHAR(300) NOT NULL,
  revision      INT         NOT NULL DEFAULT 1,
  closed_at     DATETIME(6) NOT NULL,
  PRIMARY KEY (account_id, instance_id, hour),
  KEY tenant_hour (tenant_id, hour)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
