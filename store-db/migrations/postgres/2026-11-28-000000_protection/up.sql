-- Whether a store's deletion is refused.
ALTER TABLE stores ADD COLUMN protected BOOLEAN NOT NULL DEFAULT false;
