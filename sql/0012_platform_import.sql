-- How far the import of a file has come, so that a killed one goes on.
-- step
CREATE TABLE IF NOT EXISTS platform_import (
  digest     BINARY(32)  NOT NULL,
  noun       VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  tenant     BINARY(16)  NOT NULL,
  line       BIGINT      NOT NULL,
  changed    BIGINT      NOT NULL,
  unchanged  BIGINT      NOT NULL,
  failed     BIGINT      NOT NULL,
  finished   BOOLEAN     NOT NULL,
  updated_at DATETIME(6) NOT NULL,
  PRIMARY KEY (digest, noun, tenant),
  KEY updated (updated_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
