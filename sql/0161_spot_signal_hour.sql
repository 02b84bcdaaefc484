-- Signals of a pool by the hour; single ones are kept for 90 days.
-- step
CREATE TABLE IF NOT EXISTS spot_signal_hour (
  pool_id   BIGINT      NOT NULL,
  hour      DATETIME(6) NOT NULL,
  kind      ENUM('probe_ok', 'probe_ice', 'launch_ok', 'launch_ice', 'rebalance', 'interrupt', 'score', 'advisor') NOT NULL,
  n         INT         NOT NULL,
  value_sum DOUBLE      NOT NULL,
  PRIMARY KEY (pool_id, hour, kind),
  KEY hour (hour)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
