-- What an account was worth at the end of each day (UTC); the row of a day that is not over is written again.
-- step
CREATE TABLE IF NOT EXISTS trade_equity (
  session_id BINARY(16)    NOT NULL,
  day        DATETIME(6)   NOT NULL,
  tenant_id  BINARY(16)    NOT NULL,
  equity     DECIMAL(20,8) NOT NULL,
  cash       DECIMAL(20,8) NOT NULL,
  realized   DECIMAL(20,8) NOT NULL,
  unrealized DECIMAL(20,8) NOT NULL,
  fees       DECIMAL(20,8) NOT NULL,
  deposits   DECIMAL(20,8) NOT NULL,
  at         DATETIME(6)   NOT NULL,
  PRIMARY KEY (session_id, day),
  CONSTRAINT trade_equity_session FOREIGN KEY (session_id) REFERENCES trade_session (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- Corporate actions of an instrument; a session takes each once.
-- step
CREATE TABLE IF NOT EXISTS trade_corporate (
  id            BINARY(16)    NOT NULL PRIMARY KEY,
  tenant_id     BINARY(16)    NOT NULL,
  instrument_id INT UNSIGNED  NOT NULL,
  symbol        VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  kind          ENUM('split', 'dividend', 'symbol_change') NOT NULL,
  ex_at         DATETIME(6)   NOT NULL,
  ratio         DECIMAL(20,8) NOT NULL DEFAULT 0,
  amount        DECIMAL(20,8) NOT NULL DEFAULT 0,
  new_symbol    VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
  note          VARCHAR(200)  NOT NULL DEFAULT '',
  sessions      INT           NOT NULL DEFAULT 0,
  applied_at    DATETIME(6)   NULL,
  made_by       VARCHAR(200)  NOT NULL DEFAULT '',
  created_at    DATETIME(6)   NOT NULL,
  UNIQUE KEY once (instrument_id, kind, ex_at),
  KEY tenant (tenant_id, id),
  KEY due (applied_at, ex_at),
  CONSTRAINT trade_corporate_instrument FOREIGN KEY (instrument_id) REFERENCES trade_instrument (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS trade_corporate_entry (
  corporate_id BINARY(16)    NOT NULL,
  session_id   BINARY(16)    NOT NULL,
  tenant_id    BINARY(16)    NOT NULL,
  held         DECIMAL(20,8) NOT NULL,
  quantity     DECIMAL(20,8) NOT NULL,
  cash         DECIMAL(20,8) NOT NULL,
  cancelled    INT           NOT NULL,
  at           DATETIME(6)   NOT NULL,
  PRIMARY KEY (corporate_id, session_id),
  KEY session (session_id),
  CONSTRAINT trade_corporate_entry_action FOREIGN KEY (corporate_id) REFERENCES trade_corporate (id) ON DELETE CASCADE,
  CONSTRAINT trade_corporate_entry_session FOREIGN KEY (session_id) REFERENCES trade_session (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
