-- The past of the metrics. A minute of a host is one row: a JSON list of [series, value] and of
-- [series, observations, seconds, [buckets]]. Counters are kept as they stand, so whoever reads finds resets himself and a
-- sampler needs no memory. One compressed row instead of some hundred a minute keeps writing cheap; an hour later the
-- roll-up turns it round into a row per series, which is what long ranges read.
-- step
CREATE TABLE IF NOT EXISTS platform_series (
  id     INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name   VARCHAR(100) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  labels VARCHAR(300) COLLATE utf8mb4_bin NOT NULL,
  kind   ENUM('counter', 'gauge', 'histogram') NOT NULL,
  UNIQUE KEY name (name, labels)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS platform_sample (
  at   DATETIME(6)  NOT NULL,
  host VARCHAR(128) NOT NULL,
  body MEDIUMTEXT   COMPRESSED NOT NULL,
  PRIMARY KEY (at, host)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS platform_sample_hour (
  series_id INT UNSIGNED NOT NULL,
  at        DATETIME(6)  NOT NULL,
  host      VARCHAR(128) NOT NULL,
  n         INT          NOT NULL,
  low       DOUBLE       NOT NULL,
  high      DOUBLE       NOT NULL,
  mean      DOUBLE       NOT NULL,
  increase  DOUBLE       NOT NULL,
  seconds   DOUBLE       NOT NULL,
  buckets   VARCHAR(400) CHARACTER SET ascii NOT NULL DEFAULT '',
  PRIMARY KEY (series_id, at, host),
  KEY at (at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- The documents' name for it, to read.
-- step
CREATE OR REPLACE SQL SECURITY INVOKER VIEW system_metrics AS
SELECT CAST(MD5(CONCAT_WS(' ', s.host, s.at, e.id)) AS CHAR(32)) AS id, e.name AS metric_name, e.kind AS metric_type, s.host AS source, v.value,
  e.labels AS tags, s.at AS `timestamp`, s.at AS created_at, s.at AS updated_at
FROM platform_sample s
JOIN JSON_TABLE(s.body, '$[*]' COLUMNS (series BIGINT PATH '$[0]', value DOUBLE PATH '$[1]')) v
JOIN platform_series e ON e.id = v.series
