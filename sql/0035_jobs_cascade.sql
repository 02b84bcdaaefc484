-- Ended jobs whose dependants have not all been looked at: too many for one transaction, or one of them was locked. Any process
-- goes on with them.
-- step
CREATE TABLE IF NOT EXISTS jobs_cascade (
  at        DATETIME(6) NOT NULL,
  job_id    BINARY(16)  NOT NULL,
  tenant_id BINARY(16)  NOT NULL,
  state     TINYINT     NOT NULL,
  PRIMARY KEY (at, job_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- The queue that is always used, so that no caller's transaction holds its first row.
-- step
INSERT INTO jobs_queue (tenant_id, name, external, created_at, updated_at) SELECT REPEAT(CHAR(0), 16), 'default', FALSE, NOW(6), NOW(6) FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM jobs_queue WHERE tenant_id = REPEAT(CHAR(0), 16) AND name = 'default' AND external = FALSE)
