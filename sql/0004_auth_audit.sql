-- The audit trail and the head of its sealed chain. The program inserts rows
-- and sets their number and seal once; it needs no other right on them.
-- step
CREATE TABLE IF NOT EXISTS auth_audit (
  id          BINARY(16)   NOT NULL PRIMARY KEY,
  tenant_id   BINARY(16)   NULL,
  at          DATETIME(6)  NOT NULL,
  actor_kind  VARCHAR(8)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  actor_id    BINARY(16)   NULL,
  actor       VARCHAR(100) COLLATE utf8mb4_bin NOT NULL,
  action      VARCHAR(100) COLLATE utf8mb4_bin NOT NULL,
  status      SMALLINT     NOT NULL,
  target_kind VARCHAR(40)  COLLATE utf8mb4_bin NULL,
  target_id   VARCHAR(254) COLLATE utf8mb4_bin NULL,
  detail      TEXT         COLLATE utf8mb4_bin NULL,
  request_id  VARCHAR(64)  COLLATE utf8mb4_bin NULL,
  ip          VARCHAR(45)  CHARACTER SET ascii COLLATE ascii_bin NULL,
  seal_seq    BIGINT       NULL,
  seal        BINARY(32)   NULL,
  UNIQUE KEY seal (seal_seq),
  KEY tenant (tenant_id, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS auth_audit_head (
  id       TINYINT    NOT NULL PRIMARY KEY,
  seal_seq BIGINT     NOT NULL,
  seal     BINARY(32) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
-- done-if: SELECT COUNT(*) FROM auth_audit_head WHERE id = 1
INSERT INTO auth_audit_head (id, seal_seq, seal) VALUES (1, 0, REPEAT(X'00', 32))
