-- What operators ordered of the breakers of dependencies; no row: automatic. Told to the shared segment of each host.
-- step
CREATE TABLE IF NOT EXISTS platform_dependency (
  name       VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  mode       ENUM('auto', 'open', 'closed', 'disabled') NOT NULL,
  reason     VARCHAR(500) NOT NULL DEFAULT '',
  changed_by VARCHAR(200) NOT NULL,
  changed_at DATETIME(6)  NOT NULL,
  version    INT          NOT NULL DEFAULT 1
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
