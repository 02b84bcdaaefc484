-- Durable events: an outbox that writers fill inside their transaction, and the numbered stream the relay makes of it.
-- A row carries one or more events of one tenant as JSON lines, so that a batch costs one row.
-- step
CREATE TABLE IF NOT EXISTS events_outbox (
  id        BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  tenant_id BINARY(16)      NOT NULL,
  n         SMALLINT        NOT NULL,
  body      MEDIUMTEXT      NOT NULL,
  at        DATETIME(6)     NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS events_head (
  tenant_id BINARY(16)      NOT NULL PRIMARY KEY,
  epoch     BIGINT          NOT NULL,
  top       BIGINT          NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS events_stream (
  pos       BIGINT          NOT NULL PRIMARY KEY,
  tenant_id BINARY(16)      NOT NULL,
  first     BIGINT          NOT NULL,
  n         SMALLINT        NOT NULL,
  at        DATETIME(6)     NOT NULL,
  body      MEDIUMTEXT      NOT NULL,
  UNIQUE KEY tenant_first (tenant_id, first)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS events_dead (
  id        BIGINT UNSIGNED NOT NULL PRIMARY KEY,
  tenant_id BINARY(16)      NOT NULL,
  n         SMALLINT        NOT NULL,
  body      MEDIUMTEXT      NOT NULL,
  at        DATETIME(6)     NOT NULL,
  reason    VARCHAR(500)    NOT NULL,
  set_aside DATETIME(6)     NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- The position of the last stream row. Written by the relay in the transaction that writes the stream.
-- step
CREATE TABLE IF NOT EXISTS events_position (
  one       TINYINT         NOT NULL PRIMARY KEY,
  pos       BIGINT          NOT NULL,
  relayed   DATETIME(6)     NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
INSERT INTO events_position (one, pos) SELECT 1, 0 FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM events_position WHERE one = 1)
