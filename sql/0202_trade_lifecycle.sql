-- The whole life of an order: what was sent to a broker and what came back, partial fills, brackets, pairs that cancel one
-- another, trailing stops, an end at an instant. send: what is to go out; sent_at: it has left (committed before the first byte).
-- step
-- done-if: SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'trade_order' AND column_name = 'broker_order_id'
ALTER TABLE trade_order
  MODIFY type ENUM('market', 'limit', 'stop', 'stop_limit', 'trailing_stop') NOT NULL,
  MODIFY tif ENUM('day', 'gtc', 'ioc', 'fok', 'gtd') NOT NULL,
  MODIFY state ENUM('denied', 'submitting', 'rejected', 'unknown', 'accepted', 'triggered', 'partially_filled', 'filled', 'pending_replace', 'pending_cancel', 'cancelled', 'expired') NOT NULL,
  ADD COLUMN mode ENUM('paper', 'live') NOT NULL DEFAULT 'paper',
  ADD COLUMN role ENUM('single', 'entry', 'take_profit', 'stop_loss') NOT NULL DEFAULT 'single',
  ADD COLUMN parent_id BINARY(16) NULL,
  ADD COLUMN oco_group BINARY(16) NULL,
  ADD COLUMN take_profit DECIMAL(20,8) NOT NULL DEFAULT 0,
  ADD COLUMN stop_loss DECIMAL(20,8) NOT NULL DEFAULT 0,
  ADD COLUMN trail_amount DECIMAL(20,8) NOT NULL DEFAULT 0,
  ADD COLUMN trail_ppm INT NOT NULL DEFAULT 0,
  ADD COLUMN trail_mark DECIMAL(20,8) NOT NULL DEFAULT 0,
  ADD COLUMN post_only BOOLEAN NOT NULL DEFAULT FALSE,
  ADD COLUMN expires_at DATETIME(6) NULL,
  ADD COLUMN triggered_at DATETIME(6) NULL,
  ADD COLUMN broker_order_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  ADD COLUMN send ENUM('submit', 'replace', 'cancel') NULL,
  ADD COLUMN send_at DATETIME(6) NULL,
  ADD COLUMN send_tries INT NOT NULL DEFAULT 0,
  ADD COLUMN sent_at DATETIME(6) NULL,
  ADD COLUMN asked_at DATETIME(6) NULL,
  ADD COLUMN asks INT NOT NULL DEFAULT 0,
  ADD COLUMN cancel_wanted BOOLEAN NOT NULL DEFAULT FALSE,
  ADD COLUMN want_quantity DECIMAL(20,8) NOT NULL DEFAULT 0,
  ADD COLUMN want_limit_price DECIMAL(20,8) NOT NULL DEFAULT 0,
  ADD COLUMN want_stop_price DECIMAL(20,8) NOT NULL DEFAULT 0,
  ADD COLUMN want_reserved DECIMAL(20,8) NOT NULL DEFAULT 0,
  ADD COLUMN late BOOLEAN NOT NULL DEFAULT FALSE,
  ADD COLUMN refused INT NOT NULL DEFAULT 0,
  ADD UNIQUE KEY broker (session_id, broker_order_id),
  ADD KEY send (send, send_at),
  ADD KEY parent (parent_id),
  ADD KEY open_state (open, state, updated_at),
  ADD KEY ends (open, tif, created_at)
-- A fill is known by the broker's identifier: the same one heard twice is one fill. late: it came when the order was over.
-- step
-- done-if: SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'trade_fill' AND column_name = 'broker_fill_id'
ALTER TABLE trade_fill
  ADD COLUMN instrument_id INT UNSIGNED NOT NULL DEFAULT 0,
  ADD COLUMN broker_fill_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  ADD COLUMN liquidity ENUM('unknown', 'maker', 'taker') NOT NULL DEFAULT 'unknown',
  ADD COLUMN late BOOLEAN NOT NULL DEFAULT FALSE,
  ADD UNIQUE KEY broker (order_id, broker_fill_id),
  ADD KEY held (session_id, instrument_id)
-- step
UPDATE trade_fill f JOIN trade_order o ON o.id = f.order_id SET f.instrument_id = o.instrument_id WHERE f.instrument_id = 0
-- applied = 0: it was heard and kept, and changed nothing.
-- step
-- done-if: SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'trade_order_event' AND column_name = 'applied'
ALTER TABLE trade_order_event
  ADD COLUMN applied BOOLEAN NOT NULL DEFAULT TRUE,
  ADD COLUMN broker_at DATETIME(6) NULL
-- step
ALTER TABLE trade_cash MODIFY kind ENUM('deposit', 'withdrawal', 'trade', 'fee', 'dividend', 'interest', 'tax', 'corporate', 'adjustment') NOT NULL
-- Changes of a position that no fill made: splits, what a broker held before, what a reconciliation found. Append only.
-- step
CREATE TABLE IF NOT EXISTS trade_position_entry (
  session_id    BINARY(16)    NOT NULL,
  instrument_id INT UNSIGNED  NOT NULL,
  seq           INT           NOT NULL,
  kind          ENUM('split', 'bonus', 'merger', 'transfer', 'reconcile') NOT NULL,
  quantity      DECIMAL(20,8) NOT NULL,
  note          VARCHAR(200)  NOT NULL DEFAULT '',
  at            DATETIME(6)   NOT NULL,
  PRIMARY KEY (session_id, instrument_id, seq),
  CONSTRAINT trade_position_entry_session FOREIGN KEY (session_id) REFERENCES trade_session (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- Limits that are narrower than the settings: of a tenant (session_id all zero) or of one session.
-- step
CREATE TABLE IF NOT EXISTS trade_risk_limit (
  tenant_id  BINARY(16)    NOT NULL,
  session_id BINARY(16)    NOT NULL,
  name       VARCHAR(32)   CHARACTER SET ascii NOT NULL,
  value      DECIMAL(20,8) NOT NULL,
  made_by    VARCHAR(200)  NOT NULL DEFAULT '',
  updated_at DATETIME(6)   NOT NULL,
  PRIMARY KEY (tenant_id, session_id, name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- Each refusal of a check.
-- step
CREATE TABLE IF NOT EXISTS trade_risk_hit (
  id              BINARY(16)   NOT NULL PRIMARY KEY,
  tenant_id       BINARY(16)   NOT NULL,
  session_id      BINARY(16)   NOT NULL,
  order_id        BINARY(16)   NULL,
  client_order_id VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
  symbol          VARCHAR(32)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  rule            VARCHAR(32)  CHARACTER SET ascii NOT NULL,
  detail          VARCHAR(300) NOT NULL,
  at              DATETIME(6)  NOT NULL,
  KEY session (session_id, id),
  KEY tenant (tenant_id, id),
  KEY at (at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
