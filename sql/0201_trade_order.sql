-- Sessions with a broker, orders with their events, fills, positions, cash. One session is one account of money: its row is
-- locked by whoever places, fills or cancels, so that limits and cash hold whoever else is at it.
-- step
CREATE TABLE IF NOT EXISTS trade_session (
  id         BINARY(16)    NOT NULL PRIMARY KEY,
  tenant_id  BINARY(16)    NOT NULL,
  user_id    BINARY(16)    NOT NULL,
  broker     VARCHAR(16)   CHARACTER SET ascii NOT NULL,
  mode       ENUM('paper', 'live') NOT NULL,
  state      ENUM('active', 'reducing', 'halted', 'closed') NOT NULL,
  live       TINYINT       NULL,
  currency   CHAR(3)       CHARACTER SET ascii NOT NULL,
  start_cash DECIMAL(20,8) NOT NULL,
  cash       DECIMAL(20,8) NOT NULL,
  reserved   DECIMAL(20,8) NOT NULL DEFAULT 0,
  day        DATETIME(6)   NOT NULL,
  day_equity DECIMAL(20,8) NOT NULL,
  entries    INT           NOT NULL DEFAULT 0,
  created_at DATETIME(6)   NOT NULL,
  updated_at DATETIME(6)   NOT NULL,
  UNIQUE KEY one_live (tenant_id, user_id, broker, mode, live)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS trade_order (
  id              BINARY(16)    NOT NULL PRIMARY KEY,
  tenant_id       BINARY(16)    NOT NULL,
  session_id      BINARY(16)    NOT NULL,
  client_order_id VARCHAR(64)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  instrument_id   INT UNSIGNED  NOT NULL,
  symbol          VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  side            ENUM('buy', 'sell') NOT NULL,
  type            ENUM('market', 'limit', 'stop', 'stop_limit') NOT NULL,
  tif             ENUM('day', 'gtc', 'ioc', 'fok') NOT NULL,
  quantity        DECIMAL(20,8) NOT NULL,
  limit_price     DECIMAL(20,8) NOT NULL DEFAULT 0,
  stop_price      DECIMAL(20,8) NOT NULL DEFAULT 0,
  reduce_only     BOOLEAN       NOT NULL DEFAULT FALSE,
  state           ENUM('denied', 'accepted', 'triggered', 'partially_filled', 'filled', 'cancelled', 'expired') NOT NULL,
  open            TINYINT       NULL,
  filled          DECIMAL(20,8) NOT NULL DEFAULT 0,
  avg_price       DECIMAL(20,8) NOT NULL DEFAULT 0,
  reserved        DECIMAL(20,8) NOT NULL DEFAULT 0,
  reject_code     VARCHAR(32)   CHARACTER SET ascii NOT NULL DEFAULT '',
  reject_detail   VARCHAR(300)  NOT NULL DEFAULT '',
  digest          BINARY(32)    NOT NULL,
  version         INT           NOT NULL DEFAULT 1,
  tag             VARCHAR(100)  NOT NULL DEFAULT '',
  created_at      DATETIME(6)   NOT NULL,
  updated_at      DATETIME(6)   NOT NULL,
  UNIQUE KEY client (session_id, client_order_id),
  KEY session (session_id, open, id),
  KEY resting (instrument_id, open, id),
  KEY tenant (tenant_id, id),
  CONSTRAINT trade_order_session FOREIGN KEY (session_id) REFERENCES trade_session (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS trade_order_event (
  order_id   BINARY(16)    NOT NULL,
  seq        INT           NOT NULL,
  from_state VARCHAR(20)   CHARACTER SET ascii NOT NULL,
  to_state   VARCHAR(20)   CHARACTER SET ascii NOT NULL,
  cause      VARCHAR(200)  NOT NULL,
  quantity   DECIMAL(20,8) NOT NULL DEFAULT 0,
  price      DECIMAL(20,8) NOT NULL DEFAULT 0,
  at         DATETIME(6)   NOT NULL,
  PRIMARY KEY (order_id, seq),
  CONSTRAINT trade_order_event_order FOREIGN KEY (order_id) REFERENCES trade_order (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS trade_fill (
  id         BINARY(16)    NOT NULL PRIMARY KEY,
  tenant_id  BINARY(16)    NOT NULL,
  session_id BINARY(16)    NOT NULL,
  order_id   BINARY(16)    NOT NULL,
  seq        INT           NOT NULL,
  symbol     VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  side       ENUM('buy', 'sell') NOT NULL,
  quantity   DECIMAL(20,8) NOT NULL,
  price      DECIMAL(20,8) NOT NULL,
  fee        DECIMAL(20,8) NOT NULL,
  at         DATETIME(6)   NOT NULL,
  UNIQUE KEY once (order_id, seq),
  KEY session (session_id, id),
  CONSTRAINT trade_fill_order FOREIGN KEY (order_id) REFERENCES trade_order (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS trade_position (
  session_id    BINARY(16)    NOT NULL,
  instrument_id INT UNSIGNED  NOT NULL,
  tenant_id     BINARY(16)    NOT NULL,
  symbol        VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  quantity      DECIMAL(20,8) NOT NULL,
  avg_price     DECIMAL(20,8) NOT NULL,
  realized      DECIMAL(20,8) NOT NULL,
  fees          DECIMAL(20,8) NOT NULL,
  updated_at    DATETIME(6)   NOT NULL,
  PRIMARY KEY (session_id, instrument_id),
  CONSTRAINT trade_position_session FOREIGN KEY (session_id) REFERENCES trade_session (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- Append only; the last balance is the session's cash.
-- step
CREATE TABLE IF NOT EXISTS trade_cash (
  session_id BINARY(16)    NOT NULL,
  seq        INT           NOT NULL,
  kind       ENUM('deposit', 'trade', 'fee') NOT NULL,
  amount     DECIMAL(20,8) NOT NULL,
  balance    DECIMAL(20,8) NOT NULL,
  order_id   BINARY(16)    NULL,
  at         DATETIME(6)   NOT NULL,
  PRIMARY KEY (session_id, seq),
  CONSTRAINT trade_cash_session FOREIGN KEY (session_id) REFERENCES trade_session (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- The last known price of an instrument, and when it was heard.
-- step
CREATE TABLE IF NOT EXISTS trade_quote (
  instrument_id INT UNSIGNED  NOT NULL PRIMARY KEY,
  bid           DECIMAL(20,8) NOT NULL,
  ask           DECIMAL(20,8) NOT NULL,
  last          DECIMAL(20,8) NOT NULL,
  at            DATETIME(6)   NOT NULL,
  heard_at      DATETIME(6)   NOT NULL,
  CONSTRAINT trade_quote_instrument FOREIGN KEY (instrument_id) REFERENCES trade_instrument (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
