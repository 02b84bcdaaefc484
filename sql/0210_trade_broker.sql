-- Live sessions: how each enters its broker (sealed), what it was compared with, and what was found. A session has one link;
-- paper sessions have none.
-- step
CREATE TABLE IF NOT EXISTS trade_link (
  session_id BINARY(16)    NOT NULL PRIMARY KEY,
  tenant_id  BINARY(16)    NOT NULL,
  user_id    BINARY(16)    NOT NULL,
  broker     VARCHAR(16)   CHARACTER SET ascii NOT NULL,
  account    VARCHAR(64)   NOT NULL DEFAULT '',
  secret     TEXT          CHARACTER SET ascii NULL,
  product    VARCHAR(16)   CHARACTER SET ascii NOT NULL DEFAULT '',
  variety    VARCHAR(16)   CHARACTER SET ascii NOT NULL DEFAULT '',
  state      ENUM('ok', 'expired', 'refused', 'closed') NOT NULL,
  detail     VARCHAR(250)  NOT NULL DEFAULT '',
  reduced    BOOLEAN       NOT NULL DEFAULT FALSE,
  expires_at DATETIME(6)   NULL,
  due_at     DATETIME(6)   NOT NULL,
  check_at   DATETIME(6)   NOT NULL,
  checked_at DATETIME(6)   NULL,
  quiet_until DATETIME(6)  NULL,
  created_at DATETIME(6)   NOT NULL,
  updated_at DATETIME(6)   NOT NULL,
  KEY active (state, session_id),
  KEY tenant (tenant_id, user_id),
  CONSTRAINT trade_link_session FOREIGN KEY (session_id) REFERENCES trade_session (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- A login that has begun at a broker: the digest of its state, for whom and from which login of ours.
-- step
CREATE TABLE IF NOT EXISTS trade_login (
  digest       BINARY(32)   NOT NULL PRIMARY KEY,
  tenant_id    BINARY(16)   NOT NULL,
  user_id      BINARY(16)   NOT NULL,
  auth_session BINARY(16)   NOT NULL,
  broker       VARCHAR(16)  CHARACTER SET ascii NOT NULL,
  created_at   DATETIME(6)  NOT NULL,
  expires_at   DATETIME(6)  NOT NULL,
  KEY expires (expires_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- Each comparison of a session with its broker.
-- step
CREATE TABLE IF NOT EXISTS trade_reconciliation (
  id             BINARY(16)   NOT NULL PRIMARY KEY,
  tenant_id      BINARY(16)   NOT NULL,
  session_id     BINARY(16)   NOT NULL,
  cause          VARCHAR(40)  NOT NULL,
  matched        INT          NOT NULL,
  local_missing  INT          NOT NULL,
  broker_missing INT          NOT NULL,
  qty_differs    INT          NOT NULL,
  unknown        INT          NOT NULL,
  accepted       INT          NOT NULL,
  at             DATETIME(6)  NOT NULL,
  KEY session (session_id, id),
  KEY at (at),
  CONSTRAINT trade_reconciliation_session FOREIGN KEY (session_id) REFERENCES trade_session (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- What was not equal, until it is equal again or a person accepts it. open: 1, or NULL when it is over.
-- step
CREATE TABLE IF NOT EXISTS trade_difference (
  id          BINARY(16)    NOT NULL PRIMARY KEY,
  tenant_id   BINARY(16)    NOT NULL,
  session_id  BINARY(16)    NOT NULL,
  kind        ENUM('order', 'position') NOT NULL,
  name        VARCHAR(64)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  class       ENUM('local_missing', 'broker_missing', 'qty_differs', 'unknown') NOT NULL,
  symbol      VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  order_id    BINARY(16)    NULL,
  ours        DECIMAL(20,8) NOT NULL DEFAULT 0,
  theirs      DECIMAL(20,8) NOT NULL DEFAULT 0,
  price       DECIMAL(20,8) NOT NULL DEFAULT 0,
  state       ENUM('open', 'accepted', 'gone') NOT NULL,
  open        TINYINT       NULL,
  note        VARCHAR(250)  NOT NULL DEFAULT '',
  decided_by  VARCHAR(200)  NOT NULL DEFAULT '',
  found_at    DATETIME(6)   NOT NULL,
  seen_at     DATETIME(6)   NOT NULL,
  decided_at  DATETIME(6)   NULL,
  UNIQUE KEY one (session_id, kind, name, open),
  KEY tenant (tenant_id, open, id),
  CONSTRAINT trade_difference_session FOREIGN KEY (session_id) REFERENCES trade_session (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- Answers of brokers, a second old at most when they are given.
-- step
CREATE TABLE IF NOT EXISTS trade_broker_answer (
  session_id BINARY(16)   NOT NULL,
  verb       VARCHAR(16)  CHARACTER SET ascii NOT NULL,
  body       MEDIUMTEXT   NOT NULL,
  heard_at   DATETIME(6)  NOT NULL,
  PRIMARY KEY (session_id, verb),
  CONSTRAINT trade_broker_answer_session FOREIGN KEY (session_id) REFERENCES trade_session (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- The second source document's name for it.
-- step
CREATE OR REPLACE SQL SECURITY INVOKER VIEW user_tokens AS
SELECT session_id AS id, user_id, broker AS kind, secret AS token_encrypted, expires_at AS token_expires_at, created_at,
  IF(state = 'closed', updated_at, NULL) AS revoked_at
FROM trade_link
