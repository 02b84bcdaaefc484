-- What a replacement stands in for, along the whole chain of moves: the ledger asks what the first machine would have cost.
-- step
CREATE TABLE IF NOT EXISTS spot_origin (
  account_id      BINARY(16)  NOT NULL,
  instance_id     VARCHAR(64) CHARACTER SET ascii NOT NULL,
  tenant_id       BINARY(16)  NOT NULL,
  origin_instance VARCHAR(64) CHARACTER SET ascii NOT NULL,
  origin_type     VARCHAR(64) CHARACTER SET ascii NOT NULL,
  since           DATETIME(6) NOT NULL,
  PRIMARY KEY (account_id, instance_id),
  KEY since (since),
  CONSTRAINT spot_origin_account FOREIGN KEY (account_id) REFERENCES spot_account (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
