-- How far the bridge to Redis has come: "out" holds a position of the stream, "in:<key>" the id of the last entry that was
-- taken, written in the transaction that publishes it.
-- step
CREATE TABLE IF NOT EXISTS platform_redis (
  name      VARCHAR(200)    CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
  reached   VARCHAR(64)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  at        DATETIME(6)     NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
