-- Alerts. A rule that is declared in a module's table has a row only when an operator changed something about it. An alert is
-- a rule with labels: its state is stored, so that a restart tells nobody what they know. A group is what one notice is about.
-- step
CREATE TABLE IF NOT EXISTS platform_rule (
  id           BINARY(16)   NOT NULL PRIMARY KEY,
  name         VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  declared     BOOLEAN      NOT NULL DEFAULT FALSE,
  expr         VARCHAR(500) NOT NULL,
  for_s        INT          NOT NULL,
  keep_s       INT          NOT NULL,
  severity     VARCHAR(16)  CHARACTER SET ascii NOT NULL,
  summary      VARCHAR(300) NOT NULL,
  runbook      VARCHAR(500) NOT NULL DEFAULT '',
  group_by     VARCHAR(64)  CHARACTER SET ascii NOT NULL DEFAULT '',
  inhibited_by VARCHAR(300) CHARACTER SET ascii NOT NULL DEFAULT '',
  enabled      BOOLEAN      NOT NULL DEFAULT TRUE,
  fault        VARCHAR(300) NOT NULL DEFAULT '',
  version      INT          NOT NULL DEFAULT 1,
  created_by   VARCHAR(200) NOT NULL DEFAULT '',
  created_at   DATETIME(6)  NOT NULL,
  updated_at   DATETIME(6)  NOT NULL,
  UNIQUE KEY name (name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS platform_alert (
  id          BINARY(16)   NOT NULL PRIMARY KEY,
  rule        VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  labels      VARCHAR(500) NOT NULL,
  host        VARCHAR(128) NOT NULL DEFAULT '',
  severity    VARCHAR(16)  CHARACTER SET ascii NOT NULL,
  summary     VARCHAR(300) NOT NULL,
  state       ENUM('inactive', 'pending', 'firing', 'resolved') NOT NULL,
  value       DOUBLE       NOT NULL DEFAULT 0,
  active_at   DATETIME(6)  NULL,
  fired_at    DATETIME(6)  NULL,
  resolved_at DATETIME(6)  NULL,
  seen_at     DATETIME(6)  NULL,
  changes     VARCHAR(200) CHARACTER SET ascii NOT NULL DEFAULT '',
  flapping    BOOLEAN      NOT NULL DEFAULT FALSE,
  told        VARCHAR(16)  CHARACTER SET ascii NOT NULL DEFAULT '',
  told_at     DATETIME(6)  NULL,
  muted_by    VARCHAR(100) NOT NULL DEFAULT '',
  group_id    BINARY(16)   NOT NULL,
  version     INT          NOT NULL DEFAULT 1,
  updated_at  DATETIME(6)  NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS platform_alert_group (
  id       BINARY(16)   NOT NULL PRIMARY KEY,
  name     VARCHAR(200) NOT NULL,
  waits_at DATETIME(6)  NULL,
  told_at  DATETIME(6)  NULL,
  notices  INT          NOT NULL DEFAULT 0
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS platform_silence (
  id         BINARY(16)   NOT NULL PRIMARY KEY,
  rule       VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
  severity   VARCHAR(16)  CHARACTER SET ascii NOT NULL DEFAULT '',
  host       VARCHAR(128) NOT NULL DEFAULT '',
  comment    VARCHAR(500) NOT NULL,
  owner      VARCHAR(200) NOT NULL,
  starts_at  DATETIME(6)  NOT NULL,
  ends_at    DATETIME(6)  NOT NULL,
  created_at DATETIME(6)  NOT NULL,
  KEY ends (ends_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- When all rules were last evaluated, and by when they should be again.
-- step
CREATE TABLE IF NOT EXISTS platform_alert_turn (
  one      TINYINT      NOT NULL PRIMARY KEY,
  at       DATETIME(6)  NULL,
  due_at   DATETIME(6)  NULL,
  took_ms  INT          NOT NULL DEFAULT 0,
  host     VARCHAR(128) NOT NULL DEFAULT '',
  lag_told BOOLEAN      NOT NULL DEFAULT FALSE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
INSERT INTO platform_alert_turn (one) SELECT 1 FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM platform_alert_turn WHERE one = 1)
