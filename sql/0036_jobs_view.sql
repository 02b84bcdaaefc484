-- The jobs as the older backends' documents name them: read only, for reports and old scripts.
-- step
CREATE OR REPLACE SQL SECURITY INVOKER VIEW jobs AS
SELECT LOWER(CONCAT_WS('-', HEX(SUBSTR(id, 1, 4)), HEX(SUBSTR(id, 5, 2)), HEX(SUBSTR(id, 7, 2)), HEX(SUBSTR(id, 9, 2)), HEX(SUBSTR(id, 11)))) AS id,
  LOWER(CONCAT_WS('-', HEX(SUBSTR(tenant_id, 1, 4)), HEX(SUBSTR(tenant_id, 5, 2)), HEX(SUBSTR(tenant_id, 7, 2)), HEX(SUBSTR(tenant_id, 9, 2)), HEX(SUBSTR(tenant_id, 11)))) AS tenant_id,
  type, CASE WHEN state = 5 THEN 'running' WHEN state < 10 THEN 'queued' WHEN state = 10 THEN 'completed' ELSE 'failed' END AS status,
  payload, result, progress / 10 AS progress, NULLIF(error, '') AS error, actor AS user_id, created_at,
  NULLIF(started_at, '1970-01-01 00:00:00') AS started_at, NULLIF(finished_at, '1970-01-01 00:00:00') AS finished_at
FROM jobs_job
