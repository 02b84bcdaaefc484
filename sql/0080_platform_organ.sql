-- The organs of the loop: what was decided, who approved it, what is stopped, which models judge.
-- step
CREATE TABLE IF NOT EXISTS platform_decision (
  id          BINARY(16)   NOT NULL PRIMARY KEY,
  tenant_id   BINARY(16)   NOT NULL,
  module      VARCHAR(32)  CHARACTER SET ascii NOT NULL,
  kind        VARCHAR(64)  CHARACTER SET ascii NOT NULL,
  subject     VARCHAR(64)  NOT NULL,
  subject_id  VARCHAR(128) NOT NULL,
  chosen      VARCHAR(200) NOT NULL,
  reason      VARCHAR(500) NOT NULL,
  refused     MEDIUMTEXT   NOT NULL,
  inputs      MEDIUMTEXT   NOT NULL,
  oldest_at   DATETIME(6)  NULL,
  expected    MEDIUMTEXT   NOT NULL,
  model_id    BINARY(16)   NULL,
  model       VARCHAR(100) NOT NULL DEFAULT '',
  outcome     VARCHAR(32)  CHARACTER SET ascii NOT NULL DEFAULT '',
  outcome_doc MEDIUMTEXT   NULL,
  outcome_at  DATETIME(6)  NULL,
  made_by     VARCHAR(200) NOT NULL DEFAULT '',
  created_at  DATETIME(6)  NOT NULL,
  KEY tenant (tenant_id, id),
  KEY subject (tenant_id, module, subject, subject_id, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- digest is the SHA-256 of the plan's canonical text: a plan that changed is another plan.
-- step
CREATE TABLE IF NOT EXISTS platform_approval (
  id          BINARY(16)   NOT NULL PRIMARY KEY,
  tenant_id   BINARY(16)   NOT NULL,
  module      VARCHAR(32)  CHARACTER SET ascii NOT NULL,
  kind        VARCHAR(64)  CHARACTER SET ascii NOT NULL,
  title       VARCHAR(300) NOT NULL,
  subject     VARCHAR(64)  NOT NULL,
  subject_id  VARCHAR(128) NOT NULL,
  decision_id BINARY(16)   NULL,
  risk        ENUM('low', 'medium', 'high', 'critical') NOT NULL,
  plan        MEDIUMTEXT   NOT NULL,
  digest      BINARY(32)   NOT NULL,
  author_id   BINARY(16)   NULL,
  author      VARCHAR(200) NOT NULL,
  state       ENUM('pending', 'approved', 'rejected', 'expired', 'withdrawn', 'executed') NOT NULL,
  decided_id  BINARY(16)   NULL,
  decided_by  VARCHAR(200) NOT NULL DEFAULT '',
  comment     VARCHAR(1000) NOT NULL DEFAULT '',
  expires_at  DATETIME(6)  NOT NULL,
  decided_at  DATETIME(6)  NULL,
  executed_at DATETIME(6)  NULL,
  version     INT          NOT NULL DEFAULT 1,
  created_at  DATETIME(6)  NOT NULL,
  KEY tenant (tenant_id, state, id),
  KEY subject (tenant_id, module, subject, subject_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- One row per scope that was ever stopped. A scope without a row is not stopped. The row of scope 'all' always exists, so that
-- whoever reserves an outward act has something to lock.
-- step
CREATE TABLE IF NOT EXISTS platform_switch (
  scope       ENUM('all', 'module', 'tenant', 'account', 'session') NOT NULL,
  tenant_id   BINARY(16)   NOT NULL,
  name        VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  stopped     BOOLEAN      NOT NULL,
  reason      VARCHAR(500) NOT NULL DEFAULT '',
  changed_by  VARCHAR(200) NOT NULL DEFAULT '',
  changed_at  DATETIME(6)  NOT NULL,
  version     INT          NOT NULL DEFAULT 1,
  PRIMARY KEY (scope, tenant_id, name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
INSERT INTO platform_switch (scope, tenant_id, name, stopped, changed_at) SELECT 'all', REPEAT(CHAR(0), 16), '', FALSE, UTC_TIMESTAMP(6) FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM platform_switch WHERE scope = 'all')
-- step
CREATE TABLE IF NOT EXISTS platform_model (
  id          BINARY(16)   NOT NULL PRIMARY KEY,
  tenant_id   BINARY(16)   NOT NULL,
  module      VARCHAR(32)  CHARACTER SET ascii NOT NULL,
  name        VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  version     INT          NOT NULL,
  format      VARCHAR(32)  CHARACTER SET ascii NOT NULL,
  state       ENUM('candidate', 'live', 'retired') NOT NULL,
  live        TINYINT      NULL,
  metrics     MEDIUMTEXT   NOT NULL,
  about       MEDIUMTEXT   NOT NULL,
  data_hash   BINARY(32)   NULL,
  blob_hash   BINARY(32)   NOT NULL,
  content     MEDIUMBLOB   NOT NULL,
  trained_at  DATETIME(6)  NULL,
  window_from DATETIME(6)  NULL,
  window_to   DATETIME(6)  NULL,
  made_by     VARCHAR(200) NOT NULL DEFAULT '',
  promoted_at DATETIME(6)  NULL,
  retired_at  DATETIME(6)  NULL,
  created_at  DATETIME(6)  NOT NULL,
  UNIQUE KEY version (tenant_id, module, name, version),
  UNIQUE KEY one_live (tenant_id, module, name, live)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
