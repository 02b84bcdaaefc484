-- Roles of a tenant's own, API keys, and the installation's own secrets.
-- step
CREATE TABLE IF NOT EXISTS auth_role (
  id               BINARY(16)   NOT NULL PRIMARY KEY,
  tenant_id        BINARY(16)   NOT NULL,
  name             VARCHAR(64)  COLLATE utf8mb4_bin NOT NULL,
  doc              VARCHAR(200) NOT NULL,
  permission_names TEXT         COLLATE utf8mb4_bin NOT NULL,
  created_at       DATETIME(6)  NOT NULL,
  updated_at       DATETIME(6)  NOT NULL,
  UNIQUE KEY name (tenant_id, name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS auth_apikey (
  id           BINARY(16)    NOT NULL PRIMARY KEY,
  tenant_id    BINARY(16)    NOT NULL,
  user_id      BINARY(16)    NOT NULL,
  name         VARCHAR(100)  NOT NULL,
  prefix       CHAR(8)       CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  scope_names  VARCHAR(4000) COLLATE utf8mb4_bin NOT NULL,
  cidr_names   VARCHAR(1000) COLLATE utf8mb4_bin NOT NULL,
  mac          BINARY(32)    NOT NULL,
  expires_at   DATETIME(6)   NULL,
  last_used_at DATETIME(6)   NULL,
  created_at   DATETIME(6)   NOT NULL,
  UNIQUE KEY prefix (prefix),
  KEY user (user_id, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS auth_secret (
  id         BINARY(16)   NOT NULL PRIMARY KEY,
  name       VARCHAR(32)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  value      VARCHAR(500) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  created_at DATETIME(6)  NOT NULL,
  UNIQUE KEY name (name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
