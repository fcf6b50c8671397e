ALTER TABLE stores DROP COLUMN protected;
