-- Notices of interruption: where they come from, which were seen, what was done about them, and how long something was missing.
-- step
CREATE TABLE IF NOT EXISTS spot_source (
  id              BINARY(16)   NOT NULL PRIMARY KEY,
  tenant_id       BINARY(16)   NOT NULL,
  account_id      BINARY(16)   NOT NULL,
  kind            ENUM('sqs', 'sns', 'webhook', 'simulated') NOT NULL,
  region          VARCHAR(32)  CHARACTER SET ascii NOT NULL DEFAULT '',
  address         VARCHAR(512) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
  secret          VARCHAR(1000) CHARACTER SET ascii NULL,
  state           ENUM('new', 'ok', 'silent', 'failing', 'off') NOT NULL,
  last_error      VARCHAR(500) NOT NULL DEFAULT '',
  failures        INT          NOT NULL DEFAULT 0,
  last_poll_at    DATETIME(6)  NULL,
  last_message_at DATETIME(6)  NULL,
  last_status_at  DATETIME(6)  NULL,
  accepted        BIGINT       NOT NULL DEFAULT 0,
  duplicates      BIGINT       NOT NULL DEFAULT 0,
  strangers       BIGINT       NOT NULL DEFAULT 0,
  forged          BIGINT       NOT NULL DEFAULT 0,
  malformed       BIGINT       NOT NULL DEFAULT 0,
  late            BIGINT       NOT NULL DEFAULT 0,
  created_at      DATETIME(6)  NOT NULL,
  updated_at      DATETIME(6)  NOT NULL,
  UNIQUE KEY address (tenant_id, account_id, kind, region, address),
  KEY tenant_id_id (tenant_id, id),
  KEY account (account_id, kind),
  KEY by_kind (kind, state),
  CONSTRAINT spot_source_account FOREIGN KEY (account_id) REFERENCES spot_account (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- event_key is the SHA-256 of the event's id, or of a nonce: what is here was taken, and is not taken again.
-- step
CREATE TABLE IF NOT EXISTS spot_notice (
  tenant_id   BINARY(16)  NOT NULL,
  account_id  BINARY(16)  NOT NULL,
  event_key   BINARY(32)  NOT NULL,
  received_at DATETIME(6) NOT NULL,
  PRIMARY KEY (tenant_id, account_id, event_key),
  KEY received (received_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- live is 1 until the matter is closed, so that an instance has one open interruption at most.
-- step
CREATE TABLE IF NOT EXISTS spot_interruption (
  id            BINARY(16)   NOT NULL PRIMARY KEY,
  tenant_id     BINARY(16)   NOT NULL,
  account_id    BINARY(16)   NOT NULL,
  region        VARCHAR(32)  CHARACTER SET ascii NOT NULL,
  instance_id   VARCHAR(64)  CHARACTER SET ascii NOT NULL,
  az            VARCHAR(64)  CHARACTER SET ascii NOT NULL DEFAULT '',
  instance_type VARCHAR(64)  CHARACTER SET ascii NOT NULL DEFAULT '',
  asg           VARCHAR(255) NOT NULL DEFAULT '',
  pool_id       BIGINT       NULL,
  kind          ENUM('rebalance', 'interruption', 'health') NOT NULL,
  action        VARCHAR(32)  CHARACTER SET ascii NOT NULL DEFAULT '',
  source        VARCHAR(32)  CHARACTER SET ascii NOT NULL,
  event_id      VARCHAR(128) CHARACTER SET ascii NOT NULL,
  state         ENUM('watched', 'unknown', 'refused', 'replacing', 'replica', 'serving', 'replaced', 'failed', 'over') NOT NULL,
  live          TINYINT      NULL,
  why           VARCHAR(500) NOT NULL DEFAULT '',
  noticed_at    DATETIME(6)  NOT NULL,
  received_at   DATETIME(6)  NOT NULL,
  deadline_at   DATETIME(6)  NULL,
  rebalance_at  DATETIME(6)  NULL,
  requested_at  DATETIME(6)  NULL,
  served_at     DATETIME(6)  NULL,
  drained_at    DATETIME(6)  NULL,
  ended_at      DATETIME(6)  NULL,
  move_id       BINARY(16)   NULL,
  decision_id   BINARY(16)   NULL,
  replacement   VARCHAR(64)  CHARACTER SET ascii NOT NULL DEFAULT '',
  target        VARCHAR(300) NOT NULL DEFAULT '',
  replica_until DATETIME(6)  NULL,
  version       INT          NOT NULL DEFAULT 1,
  UNIQUE KEY one_live (tenant_id, account_id, region, instance_id, live),
  KEY tenant_id_id (tenant_id, id),
  KEY account (account_id, id),
  KEY move (tenant_id, move_id),
  KEY open (live, received_at),
  KEY noticed (noticed_at),
  CONSTRAINT spot_interruption_account FOREIGN KEY (account_id) REFERENCES spot_account (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- One row for each machine that went away: how long nothing served in its place.
-- step
CREATE TABLE IF NOT EXISTS spot_downtime (
  interruption_id BINARY(16)   NOT NULL PRIMARY KEY,
  tenant_id       BINARY(16)   NOT NULL,
  account_id      BINARY(16)   NOT NULL,
  region          VARCHAR(32)  CHARACTER SET ascii NOT NULL,
  instance_id     VARCHAR(64)  CHARACTER SET ascii NOT NULL,
  cause           ENUM('emergency_switch', 'no_replica', 'optimizer_failure', 'worker_crash') NOT NULL,
  detail          VARCHAR(500) NOT NULL DEFAULT '',
  notice_at       DATETIME(6)  NOT NULL,
  requested_at    DATETIME(6)  NULL,
  serving_at      DATETIME(6)  NULL,
  drained_at      DATETIME(6)  NULL,
  gap_s           DOUBLE       NULL,
  closed_at       DATETIME(6)  NULL,
  KEY tenant_id_id (tenant_id, interruption_id),
  KEY notice (notice_at),
  CONSTRAINT spot_downtime_of FOREIGN KEY (interruption_id) REFERENCES spot_interruption (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- What an account wants done about notices. No row: the defaults of the program.
-- step
CREATE TABLE IF NOT EXISTS spot_notice_policy (
  account_id      BINARY(16)   NOT NULL PRIMARY KEY,
  tenant_id       BINARY(16)   NOT NULL,
  on_rebalance    ENUM('replica', 'replace', 'watch') NOT NULL,
  on_interruption ENUM('replace', 'watch') NOT NULL,
  instances       ENUM('authorized', 'all') NOT NULL,
  replica_ttl_s   INT          NOT NULL,
  updated_by      VARCHAR(200) NOT NULL DEFAULT '',
  updated_at      DATETIME(6)  NOT NULL,
  KEY tenant_id_id (tenant_id, account_id),
  CONSTRAINT spot_notice_policy_account FOREIGN KEY (account_id) REFERENCES spot_account (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- Certificates that sign notifications, as their pinned host gave them out.
-- step
CREATE TABLE IF NOT EXISTS spot_sns_cert (
  url_key    BINARY(32)   NOT NULL PRIMARY KEY,
  url        VARCHAR(512) CHARACTER SET ascii NOT NULL,
  pem        TEXT         NOT NULL,
  expires_at DATETIME(6)  NOT NULL,
  fetched_at DATETIME(6)  NOT NULL,
  KEY fetched (fetched_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
