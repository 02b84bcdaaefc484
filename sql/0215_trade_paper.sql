-- The paper market of a session: its state (head: counters, terms, random numbers, the chain over what it was told), a line for
-- each order that is not over, what it was told, and hashes of the whole state. due_at: it arrives or ends then.
-- step
CREATE TABLE IF NOT EXISTS trade_paper (
  session_id  BINARY(16)   NOT NULL PRIMARY KEY,
  tenant_id   BINARY(16)   NOT NULL,
  spread_ppm  INT          NOT NULL,
  head        MEDIUMTEXT   CHARACTER SET ascii NOT NULL,
  seq         BIGINT       NOT NULL DEFAULT 0,
  hashed_seq  BIGINT       NOT NULL DEFAULT 0,
  heard_at    DATETIME(6)  NOT NULL,
  KEY heard (heard_at),
  CONSTRAINT trade_paper_session FOREIGN KEY (session_id) REFERENCES trade_session (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS trade_paper_order (
  session_id    BINARY(16)   NOT NULL,
  order_id      BINARY(16)   NOT NULL,
  instrument_id INT UNSIGNED NOT NULL,
  due_at        DATETIME(6)  NULL,
  line          VARCHAR(600) CHARACTER SET ascii NOT NULL,
  PRIMARY KEY (session_id, order_id),
  KEY instrument (instrument_id),
  KEY due (due_at),
  CONSTRAINT trade_paper_order_session FOREIGN KEY (session_id) REFERENCES trade_session (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS trade_paper_log (
  session_id    BINARY(16)   NOT NULL,
  seq           BIGINT       NOT NULL,
  parent        BIGINT       NOT NULL,
  step          INT          NOT NULL,
  kind          VARCHAR(10)  CHARACTER SET ascii NOT NULL,
  instrument_id INT UNSIGNED NOT NULL,
  market_at     DATETIME(6)  NULL,
  body          TEXT         NOT NULL,
  mark          BINARY(8)    NOT NULL,
  at            DATETIME(6)  NOT NULL,
  PRIMARY KEY (session_id, seq),
  KEY bar (instrument_id, kind, market_at),
  KEY at (at),
  CONSTRAINT trade_paper_log_session FOREIGN KEY (session_id) REFERENCES trade_session (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS trade_paper_hash (
  session_id BINARY(16)   NOT NULL,
  seq        BIGINT       NOT NULL,
  kind       ENUM('start', 'count', 'day') NOT NULL,
  hash       BINARY(32)   NOT NULL,
  state      MEDIUMTEXT   COMPRESSED NOT NULL,
  at         DATETIME(6)  NOT NULL,
  PRIMARY KEY (session_id, seq),
  KEY at (at),
  CONSTRAINT trade_paper_hash_session FOREIGN KEY (session_id) REFERENCES trade_session (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
