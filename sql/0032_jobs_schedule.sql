-- Schedules: declared ones come from module tables (tenant of zeros), users add their own. A fire's key makes double fire impossible.
-- step
CREATE TABLE IF NOT EXISTS jobs_schedule (
  id          BINARY(16)   NOT NULL PRIMARY KEY,
  tenant_id   BINARY(16)   NOT NULL,
  name        VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  declared    BOOLEAN      NOT NULL DEFAULT FALSE,
  spec        VARCHAR(200) NOT NULL,
  zone        VARCHAR(64)  CHARACTER SET ascii NOT NULL DEFAULT 'UTC',
  gap         ENUM('shift', 'skip') NOT NULL DEFAULT 'shift',
  fold        ENUM('first', 'last', 'both') NOT NULL DEFAULT 'first',
  misfire     ENUM('skip', 'latest', 'each') NOT NULL DEFAULT 'latest',
  window_s    INT          NOT NULL DEFAULT 3600,
  max_catchup INT          NOT NULL DEFAULT 10,
  overlap     ENUM('skip', 'queue_one', 'allow', 'replace') NOT NULL DEFAULT 'skip',
  jitter_ms   INT          NOT NULL DEFAULT 0,
  start_at    DATETIME(6)  NULL,
  end_at      DATETIME(6)  NULL,
  job_type    VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  payload     MEDIUMTEXT   NOT NULL,
  queue       VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
  priority    VARCHAR(16)  CHARACTER SET ascii NOT NULL DEFAULT 'normal',
  paused      BOOLEAN      NOT NULL DEFAULT FALSE,
  fault       VARCHAR(500) NOT NULL DEFAULT '',
  next_at     DATETIME(6)  NULL,
  last_at     DATETIME(6)  NULL,
  version     INT          NOT NULL DEFAULT 1,
  created_by  VARCHAR(200) NOT NULL DEFAULT '',
  created_at  DATETIME(6)  NOT NULL,
  updated_at  DATETIME(6)  NOT NULL,
  UNIQUE KEY name (tenant_id, name),
  KEY due (paused, next_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS jobs_fire (
  schedule_id BINARY(16)  NOT NULL,
  fire_at     DATETIME(6) NOT NULL,
  tenant_id   BINARY(16)  NOT NULL,
  job_id      BINARY(16)  NULL,
  outcome     ENUM('fired', 'skipped', 'overlap', 'misfire', 'manual') NOT NULL,
  at          DATETIME(6) NOT NULL,
  PRIMARY KEY (schedule_id, fire_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
