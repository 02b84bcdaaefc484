-- The job queue. (Times of a job that are still to come are 1970: a NULL that becomes a value would move the row.) jobs_job holds every job; the small tables beside it hold only what waits or runs, each clustered for its
-- hottest query. A tenant of zeros is the installation itself.
-- step
CREATE TABLE IF NOT EXISTS jobs_queue (
  id          INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  tenant_id   BINARY(16)   NOT NULL,
  name        VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  external    BOOLEAN      NOT NULL,
  paused      BOOLEAN      NOT NULL DEFAULT FALSE,
  rate_n      INT          NULL,
  rate_s      INT          NULL,
  rate_tat    BIGINT       NOT NULL DEFAULT 0,
  max_running INT          NULL,
  running     INT          NOT NULL DEFAULT 0,
  created_at  DATETIME(6)  NOT NULL,
  updated_at  DATETIME(6)  NOT NULL,
  UNIQUE KEY name (tenant_id, name, external)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS jobs_job (
  id          BINARY(16)   NOT NULL,
  tenant_id   BINARY(16)   NOT NULL,
  queue_id    INT UNSIGNED NOT NULL,
  lane        TINYINT      NOT NULL,
  state       TINYINT      NOT NULL,
  type        VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  payload     MEDIUMTEXT   NOT NULL,
  result      MEDIUMTEXT   NULL,
  progress    SMALLINT     NOT NULL DEFAULT 0,
  note        VARCHAR(200) NOT NULL DEFAULT '',
  attempt     SMALLINT     NOT NULL DEFAULT 0,
  tries       SMALLINT     NOT NULL,
  crashes     SMALLINT     NOT NULL DEFAULT 0,
  lost        SMALLINT     NOT NULL DEFAULT 0,
  timeout_s   INT          NOT NULL,
  backoff_s   INT          NOT NULL,
  run_at      DATETIME(6)  NULL,
  expires_at  DATETIME(6)  NULL,
  token       BIGINT       NOT NULL DEFAULT 0,
  lease_id    BIGINT UNSIGNED NOT NULL DEFAULT 0,
  cancel      BOOLEAN      NOT NULL DEFAULT FALSE,
  needed      BOOLEAN      NOT NULL DEFAULT FALSE,
  waits       SMALLINT     NOT NULL DEFAULT 0,
  unique_key  BINARY(16)   NULL,
  limit_key   BINARY(16)   NULL,
  workflow    BINARY(16)   NULL,
  actor       VARCHAR(200) NOT NULL DEFAULT '',
  traceparent VARCHAR(55)  CHARACTER SET ascii NULL,
  error_class VARCHAR(64)  CHARACTER SET ascii NOT NULL DEFAULT '',
  error       VARCHAR(500) NOT NULL DEFAULT '',
  replay_of   BINARY(16)   NULL,
  replays     SMALLINT     NOT NULL DEFAULT 0,
  version     INT          NOT NULL DEFAULT 1,
  counted     BOOLEAN      NOT NULL DEFAULT FALSE,
  touched     BOOLEAN      NOT NULL DEFAULT FALSE,
  created_at  DATETIME(6)  NOT NULL,
  started_at  DATETIME(6)  NOT NULL DEFAULT '1970-01-01 00:00:00',
  finished_at DATETIME(6)  NOT NULL DEFAULT '1970-01-01 00:00:00',
  PRIMARY KEY (id),
  KEY tenant (tenant_id, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- Ready to be claimed. tag is a virtual time (self-clocked fair queueing) above 22 random bits: one tenant's flood lies behind
-- everybody's next job. clash only counts tags that were drawn twice.
-- step
CREATE TABLE IF NOT EXISTS jobs_ready (
  queue_id  INT UNSIGNED NOT NULL,
  lane      TINYINT      NOT NULL,
  tag       BIGINT       NOT NULL,
  job_id    BINARY(16)   NOT NULL,
  tenant_id BINARY(16)   NOT NULL,
  limit_key BINARY(16)   NULL,
  ready_at  DATETIME(6)  NOT NULL,
  clash     TINYINT      NOT NULL DEFAULT 0,
  PRIMARY KEY (queue_id, lane, tag)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- The virtual time of each lane; a hint for enqueuers, written now and then.
-- step
CREATE TABLE IF NOT EXISTS jobs_lane (
  queue_id  INT UNSIGNED NOT NULL,
  lane      TINYINT      NOT NULL,
  tag       BIGINT       NOT NULL,
  PRIMARY KEY (queue_id, lane)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS jobs_delayed (
  run_at    DATETIME(6) NOT NULL,
  tenant_id BINARY(16)  NOT NULL,
  job_id    BINARY(16)  NOT NULL,
  PRIMARY KEY (run_at, tenant_id, job_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- At most max_running jobs of one key at once; the others are parked.
-- step
CREATE TABLE IF NOT EXISTS jobs_limit (
  tenant_id   BINARY(16)   NOT NULL,
  limit_key   BINARY(16)   NOT NULL,
  name        VARCHAR(200) NOT NULL,
  max_running INT          NOT NULL,
  running     INT          NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, limit_key)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS jobs_parked (
  tenant_id BINARY(16)   NOT NULL,
  limit_key BINARY(16)   NOT NULL,
  lane      TINYINT      NOT NULL,
  tag       BIGINT       NOT NULL,
  job_id    BINARY(16)   NOT NULL,
  queue_id  INT UNSIGNED NOT NULL,
  ready_at  DATETIME(6)  NOT NULL,
  PRIMARY KEY (tenant_id, limit_key, lane, tag, job_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- Who works: a dispatcher has one row for all its jobs, an external worker one for each.
-- step
CREATE TABLE IF NOT EXISTS jobs_lease (
  id         BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  holder     BINARY(16)   NOT NULL,
  external   BOOLEAN      NOT NULL,
  host       VARCHAR(128) NOT NULL,
  place      VARCHAR(128) NOT NULL,
  pid        INT          NOT NULL,
  worker     VARCHAR(128) NOT NULL DEFAULT '',
  expires_at DATETIME(6)  NOT NULL,
  created_at DATETIME(6)  NOT NULL,
  KEY expires (expires_at),
  KEY host (host, place)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- Which jobs a lease holds: one row for each claimed batch, its jobs packed (tenant, id, token: 40 bytes each).
-- step
CREATE TABLE IF NOT EXISTS jobs_claim (
  lease_id BIGINT UNSIGNED NOT NULL,
  n        BIGINT          NOT NULL,
  jobs     VARBINARY(4000) NOT NULL,
  at       DATETIME(6)     NOT NULL,
  PRIMARY KEY (lease_id, n)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS jobs_need (
  tenant_id BINARY(16) NOT NULL,
  job_id    BINARY(16) NOT NULL,
  needs_id  BINARY(16) NOT NULL,
  rule      TINYINT    NOT NULL,
  open      BOOLEAN    NOT NULL DEFAULT TRUE,
  PRIMARY KEY (tenant_id, job_id, needs_id),
  KEY needs (tenant_id, needs_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- One live job of a type for each key; the row goes when the job ends.
-- step
CREATE TABLE IF NOT EXISTS jobs_unique (
  tenant_id  BINARY(16) NOT NULL,
  unique_key BINARY(16) NOT NULL,
  job_id     BINARY(16) NOT NULL,
  PRIMARY KEY (tenant_id, unique_key)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- Attempts that did not simply succeed at the first try.
-- step
CREATE TABLE IF NOT EXISTS jobs_attempt (
  tenant_id   BINARY(16)   NOT NULL,
  job_id      BINARY(16)   NOT NULL,
  token       BIGINT       NOT NULL,
  n           SMALLINT     NOT NULL,
  worker      VARCHAR(200) NOT NULL DEFAULT '',
  started_at  DATETIME(6)  NULL,
  ended_at    DATETIME(6)  NOT NULL,
  outcome     VARCHAR(16)  CHARACTER SET ascii NOT NULL,
  error_class VARCHAR(64)  CHARACTER SET ascii NOT NULL DEFAULT '',
  error       VARCHAR(500) NOT NULL DEFAULT '',
  crumbs      VARCHAR(500) NOT NULL DEFAULT '',
  PRIMARY KEY (tenant_id, job_id, token)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- Dead letters: failed and quarantined jobs.
-- step
CREATE TABLE IF NOT EXISTS jobs_dead (
  tenant_id   BINARY(16)  NOT NULL,
  job_id      BINARY(16)  NOT NULL,
  queue_id    INT UNSIGNED NOT NULL,
  type        VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  state       TINYINT     NOT NULL,
  error_class VARCHAR(64) CHARACTER SET ascii NOT NULL DEFAULT '',
  died_at     DATETIME(6) NOT NULL,
  PRIMARY KEY (tenant_id, job_id),
  KEY died (tenant_id, died_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
