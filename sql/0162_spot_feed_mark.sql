-- What was pulled last from where a feed is published, so that the same is not read twice.
-- step
CREATE TABLE IF NOT EXISTS spot_feed_mark (
  feed       VARCHAR(16)  CHARACTER SET ascii NOT NULL PRIMARY KEY,
  url        VARCHAR(500) NOT NULL,
  etag       VARCHAR(200) NOT NULL,
  n          BIGINT       NOT NULL,
  pulled_at  DATETIME(6)  NOT NULL,
  checked_at DATETIME(6)  NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
