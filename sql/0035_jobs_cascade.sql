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
