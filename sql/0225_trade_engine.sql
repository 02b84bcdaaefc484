-- What the engine saw (signals), who follows it (armings), what was done about it (acts), and what came of that (trips, rewards);
-- suggestions and forecasts with the model they are from. A signal is one row however often it is heard, an arming acts on it once.
-- step
CREATE TABLE IF NOT EXISTS trade_signal (
  id            BINARY(16)    NOT NULL PRIMARY KEY,
  tenant_id     BINARY(16)    NOT NULL,
  instrument_id INT UNSIGNED  NOT NULL,
  symbol        VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  timeframe     VARCHAR(4)    CHARACTER SET ascii NOT NULL,
  bar_at        DATETIME(6)   NOT NULL,
  source        VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  name          VARCHAR(64)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  side          ENUM('buy', 'sell', 'neutral') NOT NULL,
  value         INT           NOT NULL DEFAULT 0,
  score         DOUBLE        NOT NULL,
  strength      DOUBLE        NOT NULL,
  price         DECIMAL(20,8) NOT NULL,
  bar_version   INT           NOT NULL DEFAULT 1,
  corrected     BOOLEAN       NOT NULL DEFAULT FALSE,
  context       TEXT          NOT NULL,
  ret_1         DOUBLE        NULL,
  ret_5         DOUBLE        NULL,
  ret_20        DOUBLE        NULL,
  created_at    DATETIME(6)   NOT NULL,
  UNIQUE KEY once (instrument_id, timeframe, bar_at, source, name),
  KEY tenant (tenant_id, id),
  KEY of_symbol (tenant_id, symbol, id),
  KEY created (created_at),
  CONSTRAINT trade_signal_instrument FOREIGN KEY (instrument_id) REFERENCES trade_instrument (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- A strategy on some instruments at work for a session. spec is what was armed: a later change of the strategy changes nothing here.
-- step
CREATE TABLE IF NOT EXISTS trade_arming (
  id           BINARY(16)    NOT NULL PRIMARY KEY,
  tenant_id    BINARY(16)    NOT NULL,
  user_id      BINARY(16)    NOT NULL,
  session_id   BINARY(16)    NOT NULL,
  mode         ENUM('paper', 'live') NOT NULL,
  name         VARCHAR(100)  NOT NULL,
  strategy_id  BINARY(16)    NULL,
  spec         MEDIUMTEXT    NOT NULL,
  spec_digest  BINARY(32)    NOT NULL,
  params       VARCHAR(1000) NOT NULL DEFAULT '{}',
  timeframe    VARCHAR(4)    CHARACTER SET ascii NOT NULL,
  symbols      TEXT          NOT NULL,
  exchange     VARCHAR(16)   CHARACTER SET ascii NOT NULL DEFAULT '',
  follow       VARCHAR(200)  CHARACTER SET ascii NOT NULL DEFAULT '',
  min_score    DOUBLE        NOT NULL DEFAULT 0,
  sizing       ENUM('strategy', 'units', 'value', 'risk') NOT NULL,
  size         DOUBLE        NOT NULL DEFAULT 0,
  risk_pct     DOUBLE        NOT NULL DEFAULT 1,
  cooldown_s   INT           NOT NULL DEFAULT 0,
  state        ENUM('disarmed', 'waiting', 'armed', 'paused') NOT NULL,
  detail       VARCHAR(300)  NOT NULL DEFAULT '',
  approval_id  BINARY(16)    NULL,
  armed_at     DATETIME(6)   NULL,
  armed_until  DATETIME(6)   NULL,
  acted_at     DATETIME(6)   NULL,
  made_by      VARCHAR(200)  NOT NULL DEFAULT '',
  version      INT           NOT NULL DEFAULT 1,
  created_at   DATETIME(6)   NOT NULL,
  updated_at   DATETIME(6)   NOT NULL,
  UNIQUE KEY name (tenant_id, user_id, name),
  KEY tenant (tenant_id, id),
  KEY changed (updated_at),
  KEY session (session_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS trade_arming_instrument (
  instrument_id INT UNSIGNED NOT NULL,
  arming_id     BINARY(16)   NOT NULL,
  tenant_id     BINARY(16)   NOT NULL,
  PRIMARY KEY (instrument_id, arming_id),
  KEY arming (arming_id),
  CONSTRAINT trade_arming_instrument_of FOREIGN KEY (arming_id) REFERENCES trade_arming (id) ON DELETE CASCADE,
  CONSTRAINT trade_arming_instrument_is FOREIGN KEY (instrument_id) REFERENCES trade_instrument (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- What an arming did about a signal: once per leg (leave, enter).
-- step
CREATE TABLE IF NOT EXISTS trade_act (
  id            BINARY(16)    NOT NULL PRIMARY KEY,
  tenant_id     BINARY(16)    NOT NULL,
  arming_id     BINARY(16)    NOT NULL,
  signal_id     BINARY(16)    NOT NULL,
  leg           ENUM('leave', 'enter') NOT NULL,
  instrument_id INT UNSIGNED  NOT NULL,
  symbol        VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  side          ENUM('buy', 'sell') NOT NULL,
  quantity      DECIMAL(20,8) NOT NULL,
  price         DECIMAL(20,8) NOT NULL,
  atr           DOUBLE        NULL,
  outcome       ENUM('ordered', 'refused', 'held') NOT NULL,
  code          VARCHAR(32)   CHARACTER SET ascii NOT NULL DEFAULT '',
  reason        VARCHAR(300)  NOT NULL DEFAULT '',
  order_id      BINARY(16)    NULL,
  decision_id   BINARY(16)    NULL,
  settled       BOOLEAN       NOT NULL DEFAULT FALSE,
  bar_at        DATETIME(6)   NOT NULL,
  created_at    DATETIME(6)   NOT NULL,
  UNIQUE KEY once (arming_id, signal_id, leg),
  KEY tenant (tenant_id, id),
  KEY unsettled (settled, arming_id, instrument_id),
  KEY order_of (order_id),
  KEY created (created_at),
  CONSTRAINT trade_act_arming FOREIGN KEY (arming_id) REFERENCES trade_arming (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- Each fill of an arming's orders, in order, with the position of that arming after it.
-- step
CREATE TABLE IF NOT EXISTS trade_trip (
  fill_id       BINARY(16)    NOT NULL PRIMARY KEY,
  tenant_id     BINARY(16)    NOT NULL,
  arming_id     BINARY(16)    NOT NULL,
  instrument_id INT UNSIGNED  NOT NULL,
  seq           BIGINT        NOT NULL,
  strategy      VARCHAR(100)  NOT NULL,
  symbol        VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  side          ENUM('buy', 'sell') NOT NULL,
  quantity      DECIMAL(20,8) NOT NULL,
  price         DECIMAL(20,8) NOT NULL,
  fee           DECIMAL(20,8) NOT NULL,
  held          DECIMAL(20,8) NOT NULL,
  avg_price     DECIMAL(20,8) NOT NULL,
  fees_held     DECIMAL(20,8) NOT NULL,
  pnl           DECIMAL(20,8) NULL,
  reward        DOUBLE        NULL,
  at            DATETIME(6)   NOT NULL,
  UNIQUE KEY chain (arming_id, instrument_id, seq),
  KEY closed (tenant_id, at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS trade_reward (
  id         BINARY(16)   NOT NULL PRIMARY KEY,
  tenant_id  BINARY(16)   NOT NULL,
  model      VARCHAR(100) NOT NULL,
  symbol     VARCHAR(32)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  reward     DOUBLE       NOT NULL,
  pnl        DECIMAL(20,8) NULL,
  reason     VARCHAR(32)  CHARACTER SET ascii NOT NULL,
  fill_id    BINARY(16)   NULL,
  created_at DATETIME(6)  NOT NULL,
  UNIQUE KEY fill (fill_id),
  KEY tenant (tenant_id, model, symbol, id),
  KEY created (created_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS trade_suggestion (
  id            BINARY(16)    NOT NULL PRIMARY KEY,
  tenant_id     BINARY(16)    NOT NULL,
  instrument_id INT UNSIGNED  NOT NULL,
  symbol        VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  timeframe     VARCHAR(4)    CHARACTER SET ascii NOT NULL,
  bar_at        DATETIME(6)   NULL,
  side          ENUM('buy', 'sell', 'none') NOT NULL,
  note          VARCHAR(300)  NOT NULL,
  probability   DOUBLE        NULL,
  body          MEDIUMTEXT    NOT NULL,
  model_id      BINARY(16)    NULL,
  job_id        BINARY(16)    NULL,
  created_at    DATETIME(6)   NOT NULL,
  KEY tenant (tenant_id, id),
  KEY of_symbol (tenant_id, symbol, id),
  KEY created (created_at),
  CONSTRAINT trade_suggestion_instrument FOREIGN KEY (instrument_id) REFERENCES trade_instrument (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS trade_prediction (
  id         BINARY(16)   NOT NULL PRIMARY KEY,
  tenant_id  BINARY(16)   NOT NULL,
  symbol     VARCHAR(32)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  timeframe  VARCHAR(4)   CHARACTER SET ascii NOT NULL,
  model      VARCHAR(40)  NOT NULL,
  at         DATETIME(6)  NOT NULL,
  horizon    INT          NOT NULL,
  forecast   TEXT         NOT NULL,
  confidence DOUBLE       NOT NULL,
  fallback   BOOLEAN      NOT NULL,
  created_at DATETIME(6)  NOT NULL,
  KEY tenant (tenant_id, id),
  KEY of_symbol (tenant_id, symbol, id),
  KEY created (created_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- Answers of jobs that would come out the same: by digest of type, payload and the version of the data.
-- step
CREATE TABLE IF NOT EXISTS trade_answer (
  tenant_id  BINARY(16)   NOT NULL,
  digest     BINARY(32)   NOT NULL,
  type       VARCHAR(40)  CHARACTER SET ascii NOT NULL,
  body       MEDIUMTEXT   NOT NULL,
  created_at DATETIME(6)  NOT NULL,
  PRIMARY KEY (tenant_id, digest),
  KEY created (created_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
