-- A termination is done when its move has succeeded.
-- step
ALTER TABLE spot_termination MODIFY state ENUM('asked', 'moving', 'refused', 'moot', 'done') NOT NULL
