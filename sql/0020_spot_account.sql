-- Cloud accounts that are optimized, and their credentials.
-- step
CREATE TABLE IF NOT EXISTS spot_account (
  id                BINARY(16)   NOT NULL PRIMARY KEY,
  tenant_id         BINARY(16)   NOT NULL,
  name              VARCHAR(100) NOT NULL,
  provider          ENUM('aws', 'simulated') NOT NULL,
  connection_method ENUM('access_keys', 'iam_role', 'simulated') NOT NULL,
  aws_account       CHAR(12)     CHARACTER SET ascii NULL,
  region            VARCHAR(32)  CHARACTER SET ascii NOT NULL,
  region_names      TEXT         NOT NULL,
  status            ENUM('pending', 'connected', 'active', 'degraded', 'failed') NOT NULL,
  last_error        VARCHAR(500) NOT NULL DEFAULT '',
  scan_every_s      INT          NOT NULL,
  next_scan_at      DATETIME(6)  NULL,
  last_scan_at      DATETIME(6)  NULL,
  created_at        DATETIME(6)  NOT NULL,
  updated_at        DATETIME(6)  NOT NULL,
  UNIQUE KEY tenant_name (tenant_id, name),
  UNIQUE KEY aws_account (aws_account),
  KEY tenant_id_id (tenant_id, id),
  KEY due (next_scan_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS spot_credential (
  account_id  BINARY(16)   NOT NULL PRIMARY KEY,
  tenant_id   BINARY(16)   NOT NULL,
  kind        ENUM('access_keys', 'iam_role', 'simulated') NOT NULL,
  access_key_id VARCHAR(128) CHARACTER SET ascii NOT NULL DEFAULT '',
  secret      VARCHAR(1000) CHARACTER SET ascii NULL,
  role_arn    VARCHAR(2048) NOT NULL DEFAULT '',
  external_id VARCHAR(64)  CHARACTER SET ascii NOT NULL DEFAULT '',
  state       ENUM('unverified', 'ok', 'denied', 'invalid', 'expired') NOT NULL,
  last_error  VARCHAR(500) NOT NULL DEFAULT '',
  checked_at  DATETIME(6)  NULL,
  updated_at  DATETIME(6)  NOT NULL,
  CONSTRAINT spot_credential_account FOREIGN KEY (account_id)
    REFERENCES spot_account (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
