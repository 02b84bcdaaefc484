-- Subscriptions: events of a tenant that are posted to a host of its own. delivered is the last number of the stream that
-- was taken there, queued the last one a delivery was queued for: beyond it only when nothing is under way.
-- step
CREATE TABLE IF NOT EXISTS platform_webhook (
  tenant_id        BINARY(16)    NOT NULL,
  id               BINARY(16)    NOT NULL,
  name             VARCHAR(100)  NOT NULL,
  url              VARCHAR(2000) NOT NULL,
  topic_names      VARCHAR(1000) NOT NULL,
  permission_names TEXT          NOT NULL,
  secret           VARCHAR(500)  CHARACTER SET ascii NOT NULL,
  active           BOOLEAN       NOT NULL,
  delivered        BIGINT        NOT NULL,
  queued           BIGINT        NOT NULL,
  queued_at        DATETIME(6)   NOT NULL,
  failures         INT           NOT NULL,
  failing_since    DATETIME(6)   NULL,
  last_status      INT           NOT NULL,
  last_error       VARCHAR(500)  NOT NULL,
  last_at          DATETIME(6)   NULL,
  created_by       VARCHAR(200)  NOT NULL,
  created_at       DATETIME(6)   NOT NULL,
  updated_at       DATETIME(6)   NOT NULL,
  PRIMARY KEY (tenant_id, id),
  UNIQUE KEY tenant_name (tenant_id, name),
  KEY lagging (active, queued_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
