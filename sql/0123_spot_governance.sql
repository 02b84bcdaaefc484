-- Who may be touched: what a person decided, flags with their grace, and terminations that wait for another person's yes.
-- step
ALTER TABLE spot_instance ADD COLUMN IF NOT EXISTS auth_by VARCHAR(200) NOT NULL DEFAULT '' AFTER auth_status, ADD COLUMN IF NOT EXISTS auth_at DATETIME(6) NULL AFTER auth_by, ADD COLUMN IF NOT EXISTS flagged_at DATETIME(6) NULL AFTER auth_at, ADD COLUMN IF NOT EXISTS grace_until DATETIME(6) NULL AFTER flagged_at
-- step
CREATE TABLE IF NOT EXISTS spot_termination (
  id          BINARY(16)   NOT NULL PRIMARY KEY,
  tenant_id   BINARY(16)   NOT NULL,
  account_id  BINARY(16)   NOT NULL,
  region      VARCHAR(32)  CHARACTER SET ascii NOT NULL,
  instance_id VARCHAR(64)  CHARACTER SET ascii NOT NULL,
  reason      VARCHAR(500) NOT NULL,
  plan        TEXT         NOT NULL,
  approval_id BINARY(16)   NOT NULL,
  state       ENUM('asked', 'moving', 'refused', 'moot') NOT NULL,
  open        TINYINT      NULL,
  error       VARCHAR(500) NOT NULL DEFAULT '',
  move_id     BINARY(16)   NULL,
  made_by     VARCHAR(200) NOT NULL,
  created_at  DATETIME(6)  NOT NULL,
  updated_at  DATETIME(6)  NOT NULL,
  UNIQUE KEY one_open (account_id, region, instance_id, open),
  KEY tenant (tenant_id, id),
  KEY waiting (open, id),
  CONSTRAINT spot_termination_account FOREIGN KEY (account_id)
    REFERENCES spot_account (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
