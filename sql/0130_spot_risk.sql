-- What is known of the risk of pools: single signals, what they come to, hours run and losses by age of an instance.
-- step
CREATE TABLE IF NOT EXISTS spot_signal (
  id      BIGINT       NOT NULL AUTO_INCREMENT PRIMARY KEY,
  pool_id BIGINT       NOT NULL,
  at      DATETIME(6)  NOT NULL,
  kind    ENUM('probe_ok', 'probe_ice', 'launch_ok', 'launch_ice', 'rebalance', 'interrupt', 'score', 'advisor') NOT NULL,
  value   DOUBLE       NOT NULL,
  folded  TINYINT(1)   NOT NULL DEFAULT 0,
  KEY pool_at (pool_id, at),
  KEY at (at),
  KEY unfolded (folded, pool_id, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS spot_pool_state (
  pool_id      BIGINT      NOT NULL PRIMARY KEY,
  avail_fast   DOUBLE      NOT NULL,
  avail_slow   DOUBLE      NOT NULL,
  seen_at      DATETIME(6) NULL,
  notice_at    DATETIME(6) NULL,
  full_n       INT         NOT NULL DEFAULT 0,
  full_until   DATETIME(6) NULL,
  score        DOUBLE      NOT NULL DEFAULT 0,
  score_at     DATETIME(6) NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS spot_pool_risk (
  pool_id BIGINT NOT NULL PRIMARY KEY,
  t0 DOUBLE NOT NULL, t1 DOUBLE NOT NULL, t2 DOUBLE NOT NULL, t3 DOUBLE NOT NULL,
  t4 DOUBLE NOT NULL, t5 DOUBLE NOT NULL, t6 DOUBLE NOT NULL,
  d0 DOUBLE NOT NULL, d1 DOUBLE NOT NULL, d2 DOUBLE NOT NULL, d3 DOUBLE NOT NULL,
  d4 DOUBLE NOT NULL, d5 DOUBLE NOT NULL, d6 DOUBLE NOT NULL,
  asof DATETIME(6) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
