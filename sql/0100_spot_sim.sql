-- What was done to a simulated cloud: machines launched or touched (those closing a place of its own fleet have a slot), groups
-- that were changed, and a row per account that acts take turns on.
-- step
CREATE TABLE IF NOT EXISTS spot_sim_cloud (
  account_id BINARY(16) NOT NULL PRIMARY KEY,
  acts       BIGINT     NOT NULL DEFAULT 0,
  CONSTRAINT spot_sim_cloud_account FOREIGN KEY (account_id) REFERENCES spot_account (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS spot_sim_machine (
  account_id  BINARY(16)   NOT NULL,
  region      VARCHAR(32)  CHARACTER SET ascii NOT NULL,
  instance_id VARCHAR(32)  CHARACTER SET ascii NOT NULL,
  slot        INT          NOT NULL DEFAULT -1,
  az          VARCHAR(32)  CHARACTER SET ascii NOT NULL,
  type        VARCHAR(64)  CHARACTER SET ascii NOT NULL,
  lifecycle   ENUM('spot', 'on-demand') NOT NULL,
  image_id    VARCHAR(64)  CHARACTER SET ascii NOT NULL DEFAULT '',
  token       VARCHAR(64)  CHARACTER SET ascii NOT NULL DEFAULT '',
  question    VARCHAR(64)  CHARACTER SET ascii NOT NULL DEFAULT '',
  stopped     TINYINT(1)   NOT NULL DEFAULT 0,
  protected   TINYINT(1)   NOT NULL DEFAULT 0,
  grp         VARCHAR(255) COLLATE utf8mb4_bin NOT NULL DEFAULT '',
  tags        TEXT         NOT NULL,
  launched_at DATETIME(6)  NOT NULL,
  joined_at   DATETIME(6)  NULL,
  ended_at    DATETIME(6)  NULL,
  why         VARCHAR(32)  CHARACTER SET ascii NOT NULL DEFAULT '',
  PRIMARY KEY (account_id, region, instance_id),
  CONSTRAINT spot_sim_machine_account FOREIGN KEY (account_id) REFERENCES spot_account (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS spot_sim_group (
  account_id BINARY(16)   NOT NULL,
  region     VARCHAR(32)  CHARACTER SET ascii NOT NULL,
  name       VARCHAR(255) COLLATE utf8mb4_bin NOT NULL,
  min_size   BIGINT       NOT NULL,
  max_size   BIGINT       NOT NULL,
  desired    BIGINT       NOT NULL,
  type       VARCHAR(64)  CHARACTER SET ascii NOT NULL DEFAULT '',
  zones      VARCHAR(255) CHARACTER SET ascii NOT NULL DEFAULT '',
  short_since DATETIME(6) NULL,
  PRIMARY KEY (account_id, region, name),
  CONSTRAINT spot_sim_group_account FOREIGN KEY (account_id) REFERENCES spot_account (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
