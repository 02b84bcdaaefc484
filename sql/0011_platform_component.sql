-- What operators want of the components; no row: it runs.
-- step
CREATE TABLE IF NOT EXISTS platform_component (
  name       VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  desired    VARCHAR(16)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  cause      VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NULL,
  changed_by VARCHAR(200) NOT NULL,
  changed_at DATETIME(6)  NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
