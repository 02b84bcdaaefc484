-- Moves of instances: one row per move, one per attempt of each of its steps, written before the call it tells of.
-- live_instance is the target while the move lives, so that an instance has one live move at most.
-- step
CREATE TABLE IF NOT EXISTS spot_move (
  id            BINARY(16)   NOT NULL PRIMARY KEY,
  tenant_id     BINARY(16)   NOT NULL,
  account_id    BINARY(16)   NOT NULL,
  kind          ENUM('replace', 'launch', 'terminate', 'drain') NOT NULL,
  reason        VARCHAR(64)  CHARACTER SET ascii NOT NULL,
  urgent        BOOLEAN      NOT NULL,
  region        VARCHAR(32)  CHARACTER SET ascii NOT NULL,
  instance_id   VARCHAR(64)  CHARACTER SET ascii NOT NULL,
  live_instance VARCHAR(64)  CHARACTER SET ascii NULL,
  asg           VARCHAR(255) NOT NULL DEFAULT '',
  adopt         VARCHAR(64)  CHARACTER SET ascii NOT NULL DEFAULT '',
  new_instance  VARCHAR(64)  CHARACTER SET ascii NOT NULL DEFAULT '',
  new_pool      VARCHAR(130) CHARACTER SET ascii NOT NULL DEFAULT '',
  state         ENUM('proposed', 'ready', 'running', 'undoing', 'parked', 'succeeded', 'failed', 'cancelled', 'refused') NOT NULL,
  step          TINYINT      NOT NULL DEFAULT 0,
  cancel        BOOLEAN      NOT NULL DEFAULT FALSE,
  holds         BOOLEAN      NOT NULL DEFAULT FALSE,
  pools         MEDIUMTEXT   NOT NULL,
  places        MEDIUMTEXT   NOT NULL,
  template_id   VARCHAR(64)  CHARACTER SET ascii NOT NULL DEFAULT '',
  template_version VARCHAR(64) CHARACTER SET ascii NOT NULL DEFAULT '',
  image_id      VARCHAR(64)  CHARACTER SET ascii NOT NULL DEFAULT '',
  plan          MEDIUMTEXT   NOT NULL,
  price         DECIMAL(20,8) NOT NULL DEFAULT 0,
  saving        DECIMAL(20,8) NOT NULL DEFAULT 0,
  reserved_at   DATETIME(6)  NULL,
  decision_id   BINARY(16)   NULL,
  approval_id   BINARY(16)   NULL,
  job_id        BINARY(16)   NULL,
  wakes_at      DATETIME(6)  NULL,
  deadline      DATETIME(6)  NULL,
  told          VARCHAR(32)  CHARACTER SET ascii NOT NULL DEFAULT '',
  error_code    VARCHAR(32)  CHARACTER SET ascii NOT NULL DEFAULT '',
  error         VARCHAR(500) NOT NULL DEFAULT '',
  version       BIGINT       NOT NULL DEFAULT 1,
  created_by    VARCHAR(200) NOT NULL DEFAULT '',
  created_at    DATETIME(6)  NOT NULL,
  started_at    DATETIME(6)  NULL,
  ended_at      DATETIME(6)  NULL,
  UNIQUE KEY live (account_id, region, live_instance),
  KEY tenant (tenant_id, id),
  KEY tenant_state (tenant_id, state, id),
  KEY state (state, wakes_at),
  KEY approval (approval_id),
  KEY account (account_id, created_at),
  KEY asg (account_id, region, asg, holds),
  KEY created (created_at),
  CONSTRAINT spot_move_account FOREIGN KEY (account_id) REFERENCES spot_account (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS spot_move_step (
  move_id      BINARY(16)   NOT NULL,
  step         TINYINT      NOT NULL,
  attempt      INT          NOT NULL,
  tenant_id    BINARY(16)   NOT NULL,
  act          VARCHAR(64)  CHARACTER SET ascii NOT NULL,
  token        CHAR(64)     CHARACTER SET ascii NOT NULL,
  request      MEDIUMTEXT   NOT NULL,
  response     MEDIUMTEXT   NOT NULL,
  state        ENUM('intent', 'waiting', 'done', 'skipped', 'failed') NOT NULL,
  sends        INT          NOT NULL DEFAULT 0,
  error_code   VARCHAR(32)  CHARACTER SET ascii NOT NULL DEFAULT '',
  error        VARCHAR(500) NOT NULL DEFAULT '',
  started_at   DATETIME(6)  NOT NULL,
  ended_at     DATETIME(6)  NULL,
  PRIMARY KEY (move_id, step, attempt),
  CONSTRAINT spot_move_step_move FOREIGN KEY (move_id) REFERENCES spot_move (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- Groups whose maximum a move has raised: what it was, until nobody needs the room any more and it is that again.
-- step
CREATE TABLE IF NOT EXISTS spot_move_group (
  account_id BINARY(16)   NOT NULL,
  region     VARCHAR(32)  CHARACTER SET ascii NOT NULL,
  name       VARCHAR(255) NOT NULL,
  tenant_id  BINARY(16)   NOT NULL,
  old_max    BIGINT       NOT NULL,
  raised_to  BIGINT       NOT NULL,
  updated_at DATETIME(6)  NOT NULL,
  PRIMARY KEY (account_id, region, name),
  CONSTRAINT spot_move_group_account FOREIGN KEY (account_id) REFERENCES spot_account (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- Launches of this hour and money of this day, per account and for the installation (account of zeros). A limit of NULL is
-- the setting's.
-- step
CREATE TABLE IF NOT EXISTS spot_budget (
  account_id   BINARY(16)    NOT NULL PRIMARY KEY,
  tenant_id    BINARY(16)    NOT NULL,
  hour         BIGINT        NOT NULL,
  launches     BIGINT        NOT NULL,
  day          BIGINT        NOT NULL,
  spend        DECIMAL(20,8) NOT NULL,
  max_launches BIGINT        NULL,
  max_spend    DECIMAL(20,8) NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
