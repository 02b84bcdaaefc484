-- What is traded, and its bars; version counts how often a bar was corrected.
-- step
CREATE TABLE IF NOT EXISTS trade_instrument (
  id         INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  tenant_id  BINARY(16)   NOT NULL,
  symbol     VARCHAR(32)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  exchange   VARCHAR(16)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
  name       VARCHAR(200) NOT NULL DEFAULT '',
  kind       ENUM('equity', 'etf', 'index', 'future', 'option', 'crypto', 'forex') NOT NULL DEFAULT 'equity',
  currency   CHAR(3)      CHARACTER SET ascii NOT NULL DEFAULT 'USD',
  tick       DECIMAL(20,8) NOT NULL DEFAULT 0.01,
  lot        DECIMAL(20,8) NOT NULL DEFAULT 1,
  created_at DATETIME(6)  NOT NULL,
  UNIQUE KEY symbol (tenant_id, symbol, exchange)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS trade_bar (
  instrument_id INT UNSIGNED NOT NULL,
  timeframe ENUM('1m', '5m', '15m', '30m', '1h', '4h', '1d', '1w') NOT NULL,
  at        DATETIME(6)  NOT NULL,
  open      DECIMAL(20,8) NOT NULL,
  high      DECIMAL(20,8) NOT NULL,
  low       DECIMAL(20,8) NOT NULL,
  close     DECIMAL(20,8) NOT NULL,
  volume    DECIMAL(20,8) NOT NULL,
  version   INT          NOT NULL DEFAULT 1,
  PRIMARY KEY (instrument_id, timeframe, at),
  CONSTRAINT trade_bar_instrument FOREIGN KEY (instrument_id) REFERENCES trade_instrument (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- A strategy's text may change; results name the hash of the one they ran.
-- step
CREATE TABLE IF NOT EXISTS trade_strategy (
  id         BINARY(16)   NOT NULL PRIMARY KEY,
  tenant_id  BINARY(16)   NOT NULL,
  name       VARCHAR(100) NOT NULL,
  spec       MEDIUMTEXT   NOT NULL,
  digest     BINARY(32)   NOT NULL,
  version    INT          NOT NULL,
  made_by    VARCHAR(200) NOT NULL DEFAULT '',
  created_at DATETIME(6)  NOT NULL,
  updated_at DATETIME(6)  NOT NULL,
  UNIQUE KEY name (tenant_id, name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS trade_backtest (
  id          BINARY(16)   NOT NULL PRIMARY KEY,
  tenant_id   BINARY(16)   NOT NULL,
  job_id      BINARY(16)   NOT NULL,
  strategy_id BINARY(16)   NULL,
  symbol      VARCHAR(32)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  timeframe   VARCHAR(4)   CHARACTER SET ascii NOT NULL,
  request     MEDIUMTEXT   NOT NULL,
  engine      VARCHAR(32)  CHARACTER SET ascii NOT NULL,
  spec_digest BINARY(32)   NOT NULL,
  data_digest BINARY(32)   NOT NULL,
  bars        INT          NOT NULL,
  first_at    DATETIME(6)  NOT NULL,
  last_at     DATETIME(6)  NOT NULL,
  stats       MEDIUMTEXT   NOT NULL,
  report      MEDIUMTEXT   NOT NULL,
  trades      MEDIUMTEXT   COMPRESSED NOT NULL,
  equity      LONGTEXT     COMPRESSED NOT NULL,
  made_by     VARCHAR(200) NOT NULL DEFAULT '',
  created_at  DATETIME(6)  NOT NULL,
  KEY tenant (tenant_id, id),
  KEY strategy (tenant_id, strategy_id, id),
  KEY created (created_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
