-- Signals from outside wait for the loop like ticks do; their text is anybody's.
-- step
ALTER TABLE trade_intake
  MODIFY kind ENUM('ticks', 'bars', 'signal') NOT NULL,
  MODIFY body MEDIUMTEXT CHARACTER SET utf8mb4 NOT NULL
