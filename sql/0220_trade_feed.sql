-- Market data as it comes in. A feed is a source of ticks; ticks from outside wait in trade_intake until the one loop trade.feed has
-- handled them; trade_series is how far each instrument has come, with the minute that is being formed.
-- step
ALTER TABLE trade_instrument
  ADD COLUMN IF NOT EXISTS zone         VARCHAR(63)   CHARACTER SET ascii NOT NULL DEFAULT 'UTC',
  ADD COLUMN IF NOT EXISTS hours        VARCHAR(300)  CHARACTER SET ascii NOT NULL DEFAULT '',
  ADD COLUMN IF NOT EXISTS closed_on    VARCHAR(2000) CHARACTER SET ascii NOT NULL DEFAULT '',
  ADD COLUMN IF NOT EXISTS min_quantity DECIMAL(20,8) NOT NULL DEFAULT 0,
  ADD COLUMN IF NOT EXISTS max_quantity DECIMAL(20,8) NOT NULL DEFAULT 0,
  ADD COLUMN IF NOT EXISTS tradable     BOOLEAN       NOT NULL DEFAULT TRUE
-- step
CREATE TABLE IF NOT EXISTS trade_feed (
  id           BINARY(16)   NOT NULL PRIMARY KEY,
  tenant_id    BINARY(16)   NOT NULL,
  name         VARCHAR(100) NOT NULL,
  kind         ENUM('simulator', 'replay', 'redis', 'http') NOT NULL,
  wanted       ENUM('running', 'paused', 'stopped') NOT NULL,
  state        ENUM('starting', 'running', 'stale', 'paused', 'ended', 'failed', 'stopped') NOT NULL,
  detail       VARCHAR(300) NOT NULL DEFAULT '',
  spec         MEDIUMTEXT   NOT NULL,
  position     VARCHAR(200) CHARACTER SET ascii NOT NULL DEFAULT '',
  run          INT          NOT NULL DEFAULT 0,
  ticks        BIGINT       NOT NULL DEFAULT 0,
  refused      BIGINT       NOT NULL DEFAULT 0,
  lag_ms       BIGINT       NOT NULL DEFAULT 0,
  last_tick_at DATETIME(6)  NULL,
  heard_at     DATETIME(6)  NULL,
  started_at   DATETIME(6)  NULL,
  version      INT          NOT NULL DEFAULT 1,
  created_at   DATETIME(6)  NOT NULL,
  updated_at   DATETIME(6)  NOT NULL,
  UNIQUE KEY name (tenant_id, name),
  KEY wanted (wanted, kind)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS trade_intake (
  id        BIGINT       NOT NULL AUTO_INCREMENT PRIMARY KEY,
  tenant_id BINARY(16)   NOT NULL,
  kind      ENUM('ticks', 'bars') NOT NULL,
  feed_id   BINARY(16)   NULL,
  n         INT          NOT NULL,
  body      MEDIUMTEXT   CHARACTER SET ascii NOT NULL,
  at        DATETIME(6)  NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS trade_series (
  instrument_id INT UNSIGNED NOT NULL PRIMARY KEY,
  feed_id    BINARY(16)    NULL,
  seq        BIGINT        NOT NULL DEFAULT 0,
  at         DATETIME(6)   NULL,
  heard_at   DATETIME(6)   NULL,
  bid        DECIMAL(20,8) NOT NULL DEFAULT 0,
  ask        DECIMAL(20,8) NOT NULL DEFAULT 0,
  last       DECIMAL(20,8) NOT NULL DEFAULT 0,
  bar_at     DATETIME(6)   NULL,
  open       DECIMAL(20,8) NOT NULL DEFAULT 0,
  high       DECIMAL(20,8) NOT NULL DEFAULT 0,
  low        DECIMAL(20,8) NOT NULL DEFAULT 0,
  close      DECIMAL(20,8) NOT NULL DEFAULT 0,
  volume     DECIMAL(20,8) NOT NULL DEFAULT 0,
  first_at   DATETIME(6)   NULL,
  last_at    DATETIME(6)   NULL,
  ticks      BIGINT        NOT NULL DEFAULT 0,
  late       BIGINT        NOT NULL DEFAULT 0,
  duplicates BIGINT        NOT NULL DEFAULT 0,
  refused    BIGINT        NOT NULL DEFAULT 0,
  KEY feed (feed_id),
  CONSTRAINT trade_series_instrument FOREIGN KEY (instrument_id) REFERENCES trade_instrument (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS trade_gap (
  id            BIGINT       NOT NULL AUTO_INCREMENT PRIMARY KEY,
  tenant_id     BINARY(16)   NOT NULL,
  instrument_id INT UNSIGNED NOT NULL,
  timeframe     VARCHAR(4)   CHARACTER SET ascii NOT NULL,
  from_at       DATETIME(6)  NOT NULL,
  to_at         DATETIME(6)  NOT NULL,
  missing       BIGINT       NOT NULL,
  cause         VARCHAR(32)  CHARACTER SET ascii NOT NULL,
  found_at      DATETIME(6)  NOT NULL,
  UNIQUE KEY once (instrument_id, timeframe, from_at),
  KEY tenant (tenant_id, id),
  CONSTRAINT trade_gap_instrument FOREIGN KEY (instrument_id) REFERENCES trade_instrument (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS trade_tick (
  instrument_id INT UNSIGNED NOT NULL,
  at       DATETIME(6)   NOT NULL,
  seq      BIGINT        NOT NULL,
  last     DECIMAL(20,8) NOT NULL,
  bid      DECIMAL(20,8) NOT NULL,
  ask      DECIMAL(20,8) NOT NULL,
  volume   DECIMAL(20,8) NOT NULL,
  heard_at DATETIME(6)   NOT NULL,
  PRIMARY KEY (instrument_id, at, seq),
  KEY heard (heard_at),
  CONSTRAINT trade_tick_instrument FOREIGN KEY (instrument_id) REFERENCES trade_instrument (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS trade_dead (
  id        BIGINT       NOT NULL AUTO_INCREMENT PRIMARY KEY,
  tenant_id BINARY(16)   NOT NULL,
  feed_id   BINARY(16)   NULL,
  source    VARCHAR(180) NOT NULL,
  ref       VARCHAR(64)  CHARACTER SET ascii NOT NULL DEFAULT '',
  reason    VARCHAR(300) NOT NULL,
  body      TEXT         NOT NULL,
  at        DATETIME(6)  NOT NULL,
  KEY tenant (tenant_id, id),
  KEY at (at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- Which instruments have resting orders: one look per batch.
-- step
ALTER TABLE trade_order ADD KEY IF NOT EXISTS feed (open, instrument_id)
