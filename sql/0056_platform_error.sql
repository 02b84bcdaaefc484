-- Errors by kind: place (route, job type, component), code and message without its numbers. The counts come from the shared
-- segment of each host, a few seconds late.
-- step
CREATE TABLE IF NOT EXISTS platform_error (
  id          BINARY(16)   NOT NULL PRIMARY KEY,
  place       VARCHAR(64)  NOT NULL,
  code        VARCHAR(48)  NOT NULL,
  message     VARCHAR(200) NOT NULL,
  cause       VARCHAR(240) NOT NULL DEFAULT '',
  host        VARCHAR(128) NOT NULL DEFAULT '',
  request_id  VARCHAR(64)  NOT NULL DEFAULT '',
  count       BIGINT       NOT NULL,
  first_at    DATETIME(6)  NOT NULL,
  last_at     DATETIME(6)  NOT NULL,
  status      ENUM('open', 'resolved', 'muted') NOT NULL DEFAULT 'open',
  status_at   DATETIME(6)  NULL,
  status_by   VARCHAR(200) NOT NULL DEFAULT '',
  regressions INT          NOT NULL DEFAULT 0,
  version     INT          NOT NULL DEFAULT 1,
  KEY last (last_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
