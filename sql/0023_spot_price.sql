-- Facts about the market, the same for all tenants: instance types, pools and
-- their prices. market keeps simulated prices apart from real ones; money is
-- in units of 1e-8 USD.
-- step
CREATE TABLE IF NOT EXISTS spot_type (
  instance_type VARCHAR(64) CHARACTER SET ascii NOT NULL PRIMARY KEY,
  arch          VARCHAR(64) CHARACTER SET ascii NOT NULL,
  vcpu          INT         NOT NULL,
  mem_mib       BIGINT      NOT NULL,
  gpu           INT         NOT NULL DEFAULT 0,
  gpu_name      VARCHAR(64) NOT NULL DEFAULT '',
  nvme_gb       BIGINT      NOT NULL DEFAULT 0,
  ebs_mbps      BIGINT      NOT NULL DEFAULT 0,
  interfaces    INT         NOT NULL DEFAULT 0,
  network       VARCHAR(64) NOT NULL DEFAULT '',
  hypervisor    VARCHAR(32) NOT NULL DEFAULT '',
  burstable     TINYINT(1)  NOT NULL DEFAULT 0,
  bare_metal    TINYINT(1)  NOT NULL DEFAULT 0,
  current_generation TINYINT(1) NOT NULL DEFAULT 1,
  spot          TINYINT(1)  NOT NULL DEFAULT 1,
  src           VARCHAR(32) CHARACTER SET ascii NOT NULL,
  asof          DATETIME(6) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS spot_pool (
  id            BIGINT      NOT NULL AUTO_INCREMENT PRIMARY KEY,
  market        ENUM('aws', 'simulated') NOT NULL,
  region        VARCHAR(32) CHARACTER SET ascii NOT NULL,
  az            VARCHAR(64) CHARACTER SET ascii NOT NULL,
  instance_type VARCHAR(64) CHARACTER SET ascii NOT NULL,
  product       VARCHAR(64) CHARACTER SET ascii NOT NULL,
  UNIQUE KEY pool (market, region, az, instance_type, product)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS spot_price (
  pool_id BIGINT      NOT NULL,
  ts      DATETIME(6) NOT NULL,
  price   BIGINT      NOT NULL,
  src     VARCHAR(32) CHARACTER SET ascii NOT NULL,
  PRIMARY KEY (pool_id, ts)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS spot_od_price (
  market        ENUM('aws', 'simulated') NOT NULL,
  region        VARCHAR(32) CHARACTER SET ascii NOT NULL,
  instance_type VARCHAR(64) CHARACTER SET ascii NOT NULL,
  product       VARCHAR(64) CHARACTER SET ascii NOT NULL,
  price         BIGINT      NOT NULL,
  asof          DATETIME(6) NOT NULL,
  src           VARCHAR(32) CHARACTER SET ascii NOT NULL,
  PRIMARY KEY (market, region, instance_type, product)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS spot_advisor (
  market        ENUM('aws', 'simulated') NOT NULL,
  region        VARCHAR(32) CHARACTER SET ascii NOT NULL,
  instance_type VARCHAR(64) CHARACTER SET ascii NOT NULL,
  os            ENUM('Linux', 'Windows') NOT NULL,
  interruption  TINYINT     NOT NULL,
  savings       INT         NOT NULL DEFAULT 0,
  asof          DATETIME(6) NOT NULL,
  PRIMARY KEY (market, region, instance_type, os)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
