-- Who this installation is, for whatever outlives the database (tags of cloud instances): its id is made once, its epoch
-- goes up by one with every restore, and after a restore a person says when acts on the outside may go on.
-- step
CREATE TABLE IF NOT EXISTS platform_installation (
  slot         TINYINT      NOT NULL PRIMARY KEY,
  id           BINARY(16)   NOT NULL,
  epoch        BIGINT       NOT NULL,
  created_at   DATETIME(6)  NOT NULL,
  restored_at  DATETIME(6)  NULL,
  confirmed_at DATETIME(6)  NULL,
  confirmed_by VARCHAR(200) NOT NULL DEFAULT ''
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
-- done-if: SELECT COUNT(*) FROM platform_installation WHERE slot = 1
INSERT INTO platform_installation (slot, id, epoch, created_at)
VALUES (1, UNHEX(INSERT(INSERT(HEX(RANDOM_BYTES(16)), 13, 1, '4'), 17, 1, '8')), 1, UTC_TIMESTAMP(6))
