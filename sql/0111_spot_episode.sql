-- How long machines of a pool lived, and how they ended: what the risk of a pool is learned from. still is 1 while one lives.
-- step
CREATE TABLE IF NOT EXISTS spot_episode (
  id          BIGINT      NOT NULL AUTO_INCREMENT PRIMARY KEY,
  tenant_id   BINARY(16)  NOT NULL,
  account_id  BINARY(16)  NOT NULL,
  pool_id     BIGINT      NULL,
  region      VARCHAR(32) CHARACTER SET ascii NOT NULL,
  instance_id VARCHAR(64) CHARACTER SET ascii NOT NULL,
  began       DATETIME(6) NOT NULL,
  ended       DATETIME(6) NULL,
  why         ENUM('open', 'interrupted', 'rebalanced', 'user', 'scale_in', 'unknown') NOT NULL,
  still       TINYINT     NULL,
  UNIQUE KEY one_open (account_id, region, instance_id, still),
  KEY instance (account_id, region, instance_id, began),
  KEY pool (pool_id, began),
  KEY tenant (tenant_id, id),
  CONSTRAINT spot_episode_account FOREIGN KEY (account_id) REFERENCES spot_account (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
