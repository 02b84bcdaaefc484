-- Tenants, their people, and failed logins.
-- step
CREATE TABLE IF NOT EXISTS auth_tenant (
  id         BINARY(16)   NOT NULL PRIMARY KEY,
  name       VARCHAR(100) NOT NULL,
  active     BOOLEAN      NOT NULL DEFAULT TRUE,
  created_at DATETIME(6)  NOT NULL,
  updated_at DATETIME(6)  NOT NULL,
  KEY name (name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS auth_user (
  id            BINARY(16)   NOT NULL PRIMARY KEY,
  tenant_id     BINARY(16)   NOT NULL,
  email         VARCHAR(254) COLLATE utf8mb4_bin NOT NULL,
  username      VARCHAR(50)  COLLATE utf8mb4_general_ci NOT NULL,
  full_name     VARCHAR(200) NOT NULL DEFAULT '',
  role_names    VARCHAR(500) COLLATE utf8mb4_bin NOT NULL,
  active        BOOLEAN      NOT NULL DEFAULT TRUE,
  password_hash VARCHAR(300) COLLATE utf8mb4_bin NOT NULL,
  password_at   DATETIME(6)  NOT NULL,
  last_login_at DATETIME(6)  NULL,
  created_at    DATETIME(6)  NOT NULL,
  updated_at    DATETIME(6)  NOT NULL,
  UNIQUE KEY email (email),
  UNIQUE KEY username (username),
  KEY tenant (tenant_id, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS auth_attempt (
  account  BINARY(16)  NOT NULL PRIMARY KEY,
  failures INT         NOT NULL,
  last_at  DATETIME(6) NOT NULL,
  KEY last (last_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS auth_reset (
  token_hash BINARY(32)  NOT NULL PRIMARY KEY,
  user_id    BINARY(16)  NOT NULL,
  created_at DATETIME(6) NOT NULL,
  expires_at DATETIME(6) NOT NULL,
  UNIQUE KEY user (user_id),
  KEY expires (expires_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS auth_invite (
  id         BINARY(16)   NOT NULL PRIMARY KEY,
  tenant_id  BINARY(16)   NOT NULL,
  invited_by BINARY(16)   NOT NULL,
  email      VARCHAR(254) COLLATE utf8mb4_bin NULL,
  role_names VARCHAR(500) COLLATE utf8mb4_bin NOT NULL,
  token_hash BINARY(32)   NOT NULL,
  created_at DATETIME(6)  NOT NULL,
  expires_at DATETIME(6)  NOT NULL,
  used_at    DATETIME(6)  NULL,
  UNIQUE KEY token (token_hash),
  KEY tenant (tenant_id, id),
  KEY expires (expires_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
