-- Sessions, revocations and the epoch they are counted in.
-- step
CREATE TABLE IF NOT EXISTS auth_session (
  id         BINARY(16)   NOT NULL PRIMARY KEY,
  user_id    BINARY(16)   NOT NULL,
  tenant_id  BINARY(16)   NOT NULL,
  n          BIGINT       NOT NULL,
  nonce      BINARY(16)   NOT NULL,
  device     BINARY(32)   NOT NULL,
  agent      VARCHAR(200) NOT NULL,
  ip         VARCHAR(45)  NOT NULL,
  auth_time  DATETIME(6)  NOT NULL,
  created_at DATETIME(6)  NOT NULL,
  used_at    DATETIME(6)  NOT NULL,
  expires_at DATETIME(6)  NOT NULL,
  revoked_at DATETIME(6)  NULL,
  KEY user (user_id, id),
  KEY expires (expires_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS auth_revocation (
  kind       VARCHAR(8)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  subject    BINARY(16)  NOT NULL,
  epoch      BIGINT      NOT NULL,
  expires_at DATETIME(6) NOT NULL,
  PRIMARY KEY (kind, subject),
  KEY epoch (epoch),
  KEY expires (expires_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS auth_epoch (
  id    TINYINT NOT NULL PRIMARY KEY,
  epoch BIGINT  NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
-- done-if: SELECT COUNT(*) FROM auth_epoch WHERE id = 1
INSERT INTO auth_epoch (id, epoch) VALUES (1, 1)
