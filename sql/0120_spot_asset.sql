-- What an account holds beside instances, Auto Scaling groups, and when each region and service was last seen whole.
-- missed counts the scans in a row that could not look; two of them make a row stale.
-- step
CREATE TABLE IF NOT EXISTS spot_asset (
  id              BINARY(16)   NOT NULL PRIMARY KEY,
  tenant_id       BINARY(16)   NOT NULL,
  account_id      BINARY(16)   NOT NULL,
  region          VARCHAR(32)  CHARACTER SET ascii NOT NULL,
  kind            ENUM('volume', 'snapshot', 'image', 'address', 'interface', 'template') NOT NULL,
  asset_id        VARCHAR(64)  CHARACTER SET ascii NOT NULL,
  name            VARCHAR(256) NOT NULL DEFAULT '',
  state           VARCHAR(32)  CHARACTER SET ascii NOT NULL,
  az              VARCHAR(64)  CHARACTER SET ascii NOT NULL DEFAULT '',
  subtype         VARCHAR(64)  NOT NULL DEFAULT '',
  attached_to     VARCHAR(1000) NOT NULL DEFAULT '',
  source          VARCHAR(1000) NOT NULL DEFAULT '',
  detail          VARCHAR(1024) NOT NULL DEFAULT '',
  size_gb         BIGINT       NOT NULL DEFAULT 0,
  iops            BIGINT       NOT NULL DEFAULT 0,
  managed         TINYINT(1)   NOT NULL DEFAULT 0,
  created_at      DATETIME(6)  NULL,
  tags            MEDIUMTEXT   NOT NULL,
  idle_since      DATETIME(6)  NULL,
  seen_generation BIGINT       NOT NULL,
  first_seen      DATETIME(6)  NOT NULL,
  last_seen       DATETIME(6)  NOT NULL,
  changed_at      DATETIME(6)  NULL,
  missed          TINYINT      NOT NULL DEFAULT 0,
  stale           TINYINT(1)   NOT NULL DEFAULT 0,
  gone_at         DATETIME(6)  NULL,
  UNIQUE KEY account_asset (account_id, region, kind, asset_id),
  KEY tenant_id_id (tenant_id, id),
  KEY tenant_kind (tenant_id, kind, id),
  CONSTRAINT spot_asset_account FOREIGN KEY (account_id)
    REFERENCES spot_account (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS spot_group (
  id              BINARY(16)   NOT NULL PRIMARY KEY,
  tenant_id       BINARY(16)   NOT NULL,
  account_id      BINARY(16)   NOT NULL,
  region          VARCHAR(32)  CHARACTER SET ascii NOT NULL,
  name            VARCHAR(255) COLLATE utf8mb4_bin NOT NULL,
  min_size        BIGINT       NOT NULL,
  max_size        BIGINT       NOT NULL,
  desired         BIGINT       NOT NULL,
  members         BIGINT       NOT NULL,
  in_service      BIGINT       NOT NULL,
  protected_members BIGINT     NOT NULL,
  health_type     VARCHAR(32)  NOT NULL DEFAULT '',
  grace_s         BIGINT       NOT NULL DEFAULT 0,
  suspended       VARCHAR(1000) NOT NULL DEFAULT '',
  mixed           TINYINT(1)   NOT NULL DEFAULT 0,
  od_base         BIGINT       NOT NULL DEFAULT 0,
  od_percent      BIGINT       NOT NULL DEFAULT 0,
  protect_new     TINYINT(1)   NOT NULL DEFAULT 0,
  launch_template VARCHAR(255) NOT NULL DEFAULT '',
  az              VARCHAR(1000) NOT NULL DEFAULT '',
  subnets         VARCHAR(5000) NOT NULL DEFAULT '',
  status          VARCHAR(255) NOT NULL DEFAULT '',
  tags            MEDIUMTEXT   NOT NULL,
  created_at      DATETIME(6)  NULL,
  seen_generation BIGINT       NOT NULL,
  first_seen      DATETIME(6)  NOT NULL,
  last_seen       DATETIME(6)  NOT NULL,
  changed_at      DATETIME(6)  NULL,
  missed          TINYINT      NOT NULL DEFAULT 0,
  stale           TINYINT(1)   NOT NULL DEFAULT 0,
  gone_at         DATETIME(6)  NULL,
  UNIQUE KEY account_group (account_id, region, name),
  KEY tenant_id_id (tenant_id, id),
  CONSTRAINT spot_group_account FOREIGN KEY (account_id)
    REFERENCES spot_account (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS spot_sight (
  account_id  BINARY(16)   NOT NULL,
  region      VARCHAR(32)  CHARACTER SET ascii NOT NULL,
  service     VARCHAR(32)  CHARACTER SET ascii NOT NULL,
  state       ENUM('complete', 'partial', 'denied', 'unreachable') NOT NULL,
  timeouts    INT          NOT NULL DEFAULT 0,
  complete_at DATETIME(6)  NULL,
  tried_at    DATETIME(6)  NOT NULL,
  next_try_at DATETIME(6)  NULL,
  error_code  VARCHAR(64)  NOT NULL DEFAULT '',
  error       VARCHAR(500) NOT NULL DEFAULT '',
  PRIMARY KEY (account_id, region, service),
  CONSTRAINT spot_sight_account FOREIGN KEY (account_id)
    REFERENCES spot_account (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
ALTER TABLE spot_scan MODIFY kind ENUM('inventory', 'prices', 'fleet') NOT NULL
-- step
ALTER TABLE spot_scan ADD COLUMN IF NOT EXISTS assets BIGINT NOT NULL DEFAULT 0 AFTER instances
-- step
ALTER TABLE spot_account ADD COLUMN IF NOT EXISTS fleet_every_s INT NOT NULL DEFAULT 300 AFTER scan_every_s, ADD COLUMN IF NOT EXISTS next_fleet_at DATETIME(6) NULL AFTER next_scan_at, ADD KEY IF NOT EXISTS fleet_due (next_fleet_at)
-- step
ALTER TABLE spot_credential ADD COLUMN IF NOT EXISTS missing_actions TEXT NULL AFTER last_error
-- step
ALTER TABLE spot_instance ADD COLUMN IF NOT EXISTS missed TINYINT NOT NULL DEFAULT 0 AFTER changed_at
