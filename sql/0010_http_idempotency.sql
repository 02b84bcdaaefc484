-- Kept replies of requests with an Idempotency-Key.
-- step
CREATE TABLE IF NOT EXISTS http_idempotency (
  key_hash   BINARY(32)  NOT NULL PRIMARY KEY,
  digest     BINARY(32)  NOT NULL,
  status     SMALLINT    NULL,
  body       MEDIUMTEXT  NULL,
  expires_at DATETIME(6) NOT NULL,
  KEY expires (expires_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
