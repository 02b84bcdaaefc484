-- The gateway: one-use tickets, and who is connected where. Rows of gateways that died are recognised by their beat.
-- step
CREATE TABLE IF NOT EXISTS platform_live_ticket (
  hash        BINARY(32)   NOT NULL PRIMARY KEY,
  credential  TEXT         CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  expires_at  DATETIME(6)  NOT NULL,
  KEY expires_at (expires_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS platform_live_gateway (
  process     BINARY(16)   NOT NULL PRIMARY KEY,
  host        VARCHAR(64)  NOT NULL,
  pid         BIGINT       NOT NULL,
  started_at  DATETIME(6)  NOT NULL,
  beat_at     DATETIME(6)  NOT NULL,
  clients     BIGINT       NOT NULL,
  KEY beat_at (beat_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS platform_live_client (
  id            BINARY(16)    NOT NULL PRIMARY KEY,
  process       BINARY(16)    NOT NULL,
  tenant_id     BINARY(16)    NOT NULL,
  user_id       BINARY(16)    NOT NULL,
  name          VARCHAR(200)  NOT NULL,
  endpoint      VARCHAR(100)  NOT NULL,
  remote_addr   VARCHAR(64)   NOT NULL,
  user_agent    VARCHAR(200)  NOT NULL,
  subscriptions VARCHAR(1000) NOT NULL,
  connected_at  DATETIME(6)   NOT NULL,
  last_ping     DATETIME(6)   NOT NULL,
  sent          BIGINT        NOT NULL,
  KEY tenant (tenant_id, id),
  KEY process (process)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
